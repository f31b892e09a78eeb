import type { EndReason, ErrorCode } from '../protocol/wire.ts';

/** Why a login, or a connection, was refused. */
export type RefusalCode =
  | Extract<
      ErrorCode,
      | 'name-invalid'
      | 'name-taken'
      | 'auth-failed'
      | 'not-certified'
      | 'certificate-refused'
      | 'not-chat'
      | 'login-timeout'
      | 'server-full'
      | 'too-many-connections'
    >
  /** The handshake failed. The peer cannot read an error line. */
  | 'tls-failed';

/** A recipient that did not get all that was accepted for it. */
export interface Loss {
  /** The login name, or `undefined` where none was given. */
  readonly name: string | undefined;
  /** Address and port of its peer. */
  readonly remote: string;
  /** Why its session ended. */
  readonly reason: EndReason;
  /** Messages accepted for it that were not handed to the operating system whole. */
  readonly abandoned: number;
}

/** How a drain went. Nothing was lost if and only if `abandoned` is 0. */
export interface DrainReport {
  /** Connections that were open when the drain began, logged in or not. */
  readonly sessions: number;
  /** Messages handed to the operating system since the drain began. */
  readonly delivered: number;
  /** Messages accepted but not delivered: the sum over `losses`. */
  readonly abandoned: number;
  /** Each recipient that did not get all. */
  readonly losses: readonly Loss[];
  /** How long the drain took. */
  readonly milliseconds: number;
}

/** An event of the server, for its operator. */
export type ServerEvent =
  | {
      /** The server listens. There is one event for each endpoint. */
      readonly type: 'listening';
      /** The endpoint as text, with the port that was found where it was 0: `tcp://127.0.0.1:8080`. */
      readonly endpoint: string;
      /** The address, the path of a Unix socket, or a name that has several addresses. */
      readonly address: string;
      /** The addresses of a name that has several. */
      readonly addresses?: readonly string[] | undefined;
      /** The port; a Unix socket has none. */
      readonly port: number | undefined;
      /** Connections that there is room for: the limit, or what the limit of open files leaves. */
      readonly maxConnections: number;
    }
  | {
      /** No connection can be accepted until the next `listening`. Open connections go on. */
      readonly type: 'failing';
      /** Message of the system. */
      readonly message: string;
    }
  | {
      /** Files were read again, and are in force. */
      readonly type: 'reloaded';
      /** Which files. */
      readonly what: 'certificates' | 'accounts';
      /** How many accounts there are now; certificates are not counted. */
      readonly count?: number | undefined;
    }
  | {
      /**
       * Files are in force that can hardly be meant. The event comes at the start, after each reload, and
       * once a day.
       */
      readonly type: 'doubtful';
      /** Which files. */
      readonly what: 'certificates' | 'accounts';
      /** What is wrong, and where. */
      readonly message: string;
    }
  | {
      /** Files that were read again cannot be used. The old ones stay in force. */
      readonly type: 'reload-failed';
      /** Which files. */
      readonly what: 'certificates' | 'accounts';
      /** What is wrong, and where. */
      readonly message: string;
    }
  | {
      /** Somebody logged in. */
      readonly type: 'joined';
      /** The login name. */
      readonly name: string;
      /** Address and port of the peer. */
      readonly remote: string;
    }
  | {
      /** A login or a connection was refused. */
      readonly type: 'refused';
      /** Why. */
      readonly code: RefusalCode;
      /** The name that was asked for, without control characters and cut to a readable length. */
      readonly name: string | undefined;
      /** Address and port of the peer. */
      readonly remote: string;
      /** What was wrong with a handshake or a certificate. */
      readonly detail?: string | undefined;
    }
  | {
      /** A connection ended, logged in or not. */
      readonly type: 'left';
      /** The login name, or `undefined` where none was given. */
      readonly name: string | undefined;
      /** Address and port of the peer. */
      readonly remote: string;
      /** Why it ended. */
      readonly reason: EndReason;
      /** Messages taken from it. */
      readonly accepted: number;
      /** Messages handed to the operating system for it. */
      readonly delivered: number;
      /** Messages accepted for it that were not handed to the operating system. */
      readonly abandoned: number;
    }
  | {
      /** A bug: the server failed while it served a session, and ended that session. */
      readonly type: 'bug';
      /** The login name, or `undefined` where none was given. */
      readonly name: string | undefined;
      /** Address and port of the peer. */
      readonly remote: string;
      /** What was thrown. */
      readonly failure: unknown;
    }
  | {
      /** A shutdown began. */
      readonly type: 'draining';
      /** Connections that are open. */
      readonly sessions: number;
      /** ms after which sessions that have not taken all their messages are cut off. */
      readonly deadline: number;
    }
  | {
      /** A shutdown is over; the last event. */
      readonly type: 'drained';
      /** How it went. */
      readonly report: DrainReport;
    };
