"use strict";

const socket = io();
const messages = document.getElementById("messages");
const state = document.getElementById("state");
const form = document.getElementById("form");
const input = document.getElementById("input");

function show(text, kind) {
  const item = document.createElement("li");
  item.textContent = text; // text, never HTML
  if (kind) item.className = kind;
  messages.appendChild(item);
  window.scrollTo(0, document.documentElement.scrollHeight);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!input.value) return;
  socket.emit("mensaje", input.value);
  input.value = "";
});

socket.on("mensaje", (text) => show(text));
socket.on("refused", (why) => show(why.detail, "refused"));
socket.on("connect", () => (state.textContent = ""));
socket.on("disconnect", () => (state.textContent = "Sin conexión; se vuelve a intentar…"));
socket.on("connect_error", (error) => (state.textContent = error.message));
