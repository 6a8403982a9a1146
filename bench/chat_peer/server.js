"use strict";

const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer((request, response) => response.end("ready"));
const io = new Server(server);
io.on("connection", (socket) => {
  socket.on("mensaje", (text, acknowledge) => {
    io.emit("mensaje", text);
    if (acknowledge) acknowledge({ status: "success" });
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
