// A chat server with a bot in it that counts the messages of each who writes to it. Try it with
// `nc 127.0.0.1 8080`, a name, and `count: hello`.
import { bot, chatServer } from 'a-chat';
import { fromEvent, groupBy, map, merge, mergeMap } from 'rxjs';

const count = bot('count', (messages$) =>
  messages$.pipe(
    groupBy(({ from }) => from),
    mergeMap((own$) =>
      own$.pipe(map((_, index) => ({ to: own$.key, text: `that was number ${index + 1}` }))),
    ),
  ),
);

const shutdown$ = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM'));

chatServer({ port: Number(process.env.PORT ?? 8080), connections$: count, shutdown$ }).subscribe({
  next: (event) => {
    console.log(JSON.stringify(event));
  },
});
