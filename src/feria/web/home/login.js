// Signing in: the token is exchanged for a cookie that no script can read, and is kept nowhere else.
const WORDS = {
  en: {
    skip: "Skip to content", api: "API description", title: "Sign in to this node", token: "Token", enter: "Sign in", entering: "Signing in…",
    how: "With a token that its administrator gave you. It begins with feria_.",
    cookie: "This browser stays signed in through a cookie; the token itself is not kept.",
    wrong: "That token is not valid: mistyped, expired or revoked.",
    often: (seconds) => `Too many wrong tokens came from here. Try again in ${seconds} s.`,
    failed: "The node does not answer. Try again in a moment.",
  },
  es: {
    skip: "Ir al contenido", api: "Descripción de la API", title: "Entra en este nodo", token: "Token", enter: "Entrar", entering: "Entrando…",
    how: "Con un token que te haya dado quien lo administra. Empieza por feria_.",
    cookie: "Este navegador te recuerda con una cookie; el token no se guarda.",
    wrong: "Ese token no vale: mal escrito, caducado o revocado.",
    often: (seconds) => `Demasiados tokens erróneos desde aquí. Prueba otra vez en ${seconds} s.`,
    failed: "El nodo no responde. Prueba otra vez en un momento.",
  },
};
let language = localStorage.getItem("language") ?? (navigator.language.startsWith("es") ? "es" : "en");
const say = (word) => WORDS[language][word];
const form = document.querySelector("form");
const button = form.querySelector("button");
const fault = document.querySelector("#fault");

function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const choice of document.querySelectorAll("[data-lang]")) choice.ariaPressed = choice.dataset.lang === language;
}

async function enter() {
  try {
    const reply = await fetch("/v1/session", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: form.elements.namedItem("token").value }),
    });
    if (reply.ok) return null;
    if (reply.status === 429) return say("often")(reply.headers.get("Retry-After"));
    return reply.status === 401 || reply.status === 422 ? say("wrong") : (await reply.json()).detail;
  } catch {
    return say("failed");
  }
}

form.onsubmit = async (event) => {
  event.preventDefault();
  button.disabled = true;
  button.textContent = say("entering");
  fault.replaceChildren();
  const said = await enter();
  if (said === null) return location.replace("/");
  const box = Object.assign(document.createElement("div"), { className: "answer error", textContent: said });
  fault.replaceChildren(box);
  button.disabled = false;
  button.textContent = say("enter");
  form.elements.namedItem("token").select();
};

for (const choice of document.querySelectorAll("[data-lang]")) {
  choice.onclick = () => {
    language = choice.dataset.lang;
    localStorage.setItem("language", language);
    speak();
  };
}
speak();
