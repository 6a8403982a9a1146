/**
 * Every page: its address, the shell around it, its title, and how to get it. The values of `:names` in the
 * address are the page's props. What is not here does not exist; the node serves the app at these addresses.
 */

import type { Component } from "svelte";
import { say } from "./shell/words";

export interface Page {
  path: string;
  /** The front of the stall, or the room behind it. */
  shell: "plaza" | "room";
  title: () => string;
  load: () => Promise<{ default: Component<never> }>;
}

export const PAGES: readonly Page[] = [
  { path: "/", shell: "plaza", title: () => say.shop, load: () => import("./pages/shop/Home.svelte") },
  { path: "/shop", shell: "plaza", title: () => say.shop, load: () => import("./pages/shop/Results.svelte") },
  { path: "/shop/:sku", shell: "plaza", title: () => say.shop, load: () => import("./pages/shop/Product.svelte") },
  { path: "/mood", shell: "plaza", title: () => say.mood, load: () => import("./pages/mood/Mood.svelte") },
  { path: "/models", shell: "room", title: () => say.models, load: () => import("./pages/models/Models.svelte") },
  { path: "/models/:name", shell: "room", title: () => say.models, load: () => import("./pages/models/Model.svelte") },
  { path: "/models/:name/:version", shell: "room", title: () => say.models, load: () => import("./pages/models/Model.svelte") },
  { path: "/chat", shell: "plaza", title: () => say.chat, load: () => import("./pages/chat/Front.svelte") },
  { path: "/chat/r/:room", shell: "plaza", title: () => say.chat, load: () => import("./pages/chat/Front.svelte") },
  { path: "/chat/desk", shell: "room", title: () => say.chat, load: () => import("./pages/chat/Desk.svelte") },
  { path: "/chat/desk/:room", shell: "room", title: () => say.chat, load: () => import("./pages/chat/Desk.svelte") },
  { path: "/federation", shell: "room", title: () => say.jobs, load: () => import("./pages/federation/Jobs.svelte") },
  { path: "/federation/new", shell: "room", title: () => say.jobs, load: () => import("./pages/federation/NewJob.svelte") },
  { path: "/federation/clients", shell: "room", title: () => say.clients, load: () => import("./pages/federation/Clients.svelte") },
  { path: "/federation/jobs/:number", shell: "room", title: () => say.jobs, load: () => import("./pages/federation/Job.svelte") },
  { path: "/cluster", shell: "room", title: () => say.cluster, load: () => import("./pages/cluster/Cluster.svelte") },
  { path: "/cluster/keys", shell: "room", title: () => say.keys, load: () => import("./pages/cluster/Keys.svelte") },
  { path: "/cluster/tasks", shell: "room", title: () => say.tasks, load: () => import("./pages/cluster/Tasks.svelte") },
  { path: "/settings", shell: "room", title: () => say.settings, load: () => import("./pages/settings/Settings.svelte") },
  { path: "/login", shell: "plaza", title: () => say.signIn, load: () => import("./shell/Login.svelte") },
];
