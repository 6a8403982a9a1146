"use strict";
// socket.io-client, told what to do by lines of JSON, telling what happens by others.

const { io } = require("socket.io-client");
const readline = require("node:readline");

const sockets = new Map();
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const bytes = (one) =>
  Buffer.isBuffer(one) || one instanceof ArrayBuffer ? { bytes: Buffer.from(one).toString("base64") } : one;

function open({ id, url, options, quiet }) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
  sockets.set(id, socket);
  if (quiet) return socket;
  socket.onAny((event, ...args) => tell({ id, event, args: args.map(bytes) }));
  socket.on("connect", () =>
    tell({ id, event: "connect", args: [{ sid: socket.id, transport: socket.io.engine.transport.name, recovered: socket.recovered }] }),
  );
  socket.on("disconnect", (reason, details) => tell({ id, event: "disconnect", args: [reason, String(details?.description?.reason ?? details?.description ?? "")] }));
  socket.on("connect_error", (error) => tell({ id, event: "connect_error", args: [error.message, error.data ?? null] }));
  socket.io.on("open", () => {
    tell({ id, event: "open", args: [socket.io.engine.transport.name] });
    socket.io.engine.on("upgrade", (transport) => tell({ id, event: "upgrade", args: [transport.name] }));
  });
  return socket;
}

const deeds = {
  open,
  emit({ id, event, args, ack }) {
    const socket = sockets.get(id);
    const sent = args.map((one) => (one && one.bytes ? Buffer.from(one.bytes, "base64") : one));
    if (ack === undefined) socket.emit(event, ...sent);
    else
      socket.timeout(20000).emit(event, ...sent, (error, ...answer) =>
        tell({ id, ack, args: error ? [{ status: "timeout" }] : answer }),
      );
  },
  // The engine goes away without a word, as on a lost network; the client comes back by itself.
  drop({ id }) {
    sockets.get(id).io.engine.close();
  },
  close({ id }) {
    sockets.get(id).disconnect();
    sockets.delete(id);
  },
  async crowd({ id, many, url, options, event }) {
    const crowd = [];
    let heard = 0;
    const began = Date.now();
    for (let from = 0; from < many; from += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, many - from) }, () => {
          const socket = io(url, { forceNew: true, ...options });
          socket.on(event, () => {
            heard += 1;
            if (heard === many) tell({ id, event: "all heard", args: [heard, Date.now() - began] });
          });
          crowd.push(socket);
          return new Promise((resolve, reject) => {
            socket.on("connect", resolve);
            socket.on("connect_error", reject);
          });
        }),
      );
    }
    tell({ id, event: "all connected", args: [crowd.length] });
    sockets.set(id, { emit: (...args) => crowd[0].emit(...args), disconnect: () => crowd.forEach((one) => one.disconnect()) });
  },
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  deeds[order.deed](order);
});
