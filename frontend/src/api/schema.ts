// Written by `make docs` from the OpenAPI document of `feria.app`. Change it there.
/* eslint-disable */

export interface Alike {
  product: Product;
  /** Cosine of the vectors of the two pictures, 1 for the same one; left out where the product was not found by its looks. */
  similarity?: number | null;
}

/** What may be done with an answer beside giving it. */
export type Allow = "mood" | "statistics";

/** A Flower app that jobs can run, by the name in its `pyproject.toml`. */
export interface App {
  name: string;
  version: string;
  publisher: string;
  description: string;
  /** Its `[tool.flwr.app.config]`, with a dot between the names of nested tables. */
  settings: Record<string, boolean | number | string>;
  /** sha256 of its bundle. */
  digest: string;
  /** Who registered it. */
  owner: string;
  created_at: string;
}

/**
 * Whose rows a registered Flower app runs on. Which clients it asks, how often, and what it makes of
 * their answers is the app's own.
 */
export interface AppJob {
  /** Name under which the result is published. */
  model: string;
  /** Of whom; without names, of all clients there are at its start. */
  participation?: AppParticipation;
  /** Longest that one client may work on one message, where it runs in a process that can be ended; the round's deadline when left out. */
  fit_seconds?: number | null;
  kind: "app";
  /** Of a registered Flower app. */
  app: string;
  /** Its setting `num-server-rounds`; as the app says when left out. */
  rounds?: number | null;
  /** Of the app, in the place of those it brings along. */
  settings?: Record<string, boolean | number | string>;
  /** Model card, Markdown. */
  card?: string;
}

export interface AppList {
  apps: App[];
}

/** Who takes part in a job whose rounds are its app's own. */
export interface AppParticipation {
  /** By name; all there are when left out. */
  clients?: string[];
  /** Longest that a round waits for its clients' answers. */
  deadline_seconds?: number;
}

export interface Body_publish_v1_models__name__post {
  /** The ONNX file, its weights inside. */
  file: Blob;
  /** JSON: `{"labels": […], "card": "…", "input": {…}}`; all of it optional. */
  description?: string | null;
  /** Refuse the file if its digest differs. */
  sha256?: string | null;
}

export interface Body_put_pictures_v1_products__sku__pictures_put {
  pictures: Blob[];
}

export interface Body_register_app_v1_apps_post {
  file: Blob;
}

export interface Body_register_client_v1_clients_post {
  /** Whose rows these are, as people know them. */
  name: string;
  file: Blob;
  /** The file's name when left out. */
  dataset?: string;
}

/** A square around a face. Shares of the picture's width and height; it may end beyond the picture. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A product, as the message shows it; as it was when it was sent. */
export interface Card {
  sku: string;
  title: Words;
  /** Path of its picture's thumbnail on this node. */
  picture: string | null;
  /** Path of the product on this node. */
  link: string;
}

export interface Category {
  title: Words;
  /** Its place among its siblings. */
  position?: number;
  path: string;
  /** How many it holds, with those below it. */
  products?: number | null;
}

/** A category as it is written, at the address that its path is. */
export interface CategoryDraft {
  title: Words;
  /** Its place among its siblings. */
  position?: number;
}

export interface CategoryList {
  categories: Category[];
}

/** A data owner in a federation, by name. What is said of its rows; these stay where they are. */
export interface Client {
  name: string;
  dataset: string;
  columns: Column[];
  rows: number;
  /** sha256 of the columns' names and kinds: the same for the same. */
  schema_digest: string;
  /** Who registered it. */
  host: string;
  port: number;
  owner: string;
  created_at: string;
  /** Its rows are on this node, or at a store, which trains on them there. */
  where?: "here" | "store";
  /** A store's, at the SuperLink; decimal. */
  node_id?: string | null;
  /** A store's. registered: it has not been there yet; online: also for up to a minute after it was cut off; unknown: the SuperLink does not answer, or does not know it any more. */
  status?: "registered" | "online" | "offline" | "unknown" | null;
  /** A store's last sign of life. */
  last_seen?: string | null;
}

export interface ClientList {
  clients: Client[];
}

/** Another member, as the node that answers sees it. */
export interface ClusterMember {
  id: string;
  /** Where nodes reach it. */
  address: string;
  /** Where it answers over HTTP; unknown until it has said so. */
  url: string | null;
  /** `unseen` has a seat in the roster and was not met since this node started. */
  state: "alive" | "suspect" | "dead" | "left" | "expelled" | "unseen";
  /** When it came to be so, as far as this node knows. */
  since: string | null;
  /** When it last said something to this node. */
  heard: string | null;
  incarnation: number | null;
  /** Writes that it has not said to have; of several to one key, each. */
  behind: number | null;
  /** Writes that it has and this node lacks. */
  ahead: number | null;
  bytes_in: number;
  bytes_out: number;
  /** Messages that were not sent: too much waited, or it was not reached. */
  dropped: number;
  /** Model files that it says to hold. */
  files: number;
  health: MemberHealth | null;
}

export interface ClusterStatus {
  cluster: string;
  /** This node's name in it. */
  id: string;
  /** Where others reach it; none for a node that is alone. */
  address: string | null;
  state: "alone" | "member" | "left";
  /** It lacks keys that it will have: it is taking over rows, or has met nobody yet. */
  bootstrapping: boolean;
  secured: "no" | "key" | "tls" | "key and tls";
  members: ClusterMember[];
  /** Model files of the cluster's shelf that this node has told others it holds. */
  files: number;
  keys: number;
  /** Deletions that are remembered until every member knows of them. */
  tombstones: number;
  /** Entries of the version vector: writers there ever were. */
  origins: number;
  /** Since the start; one may hold many writes. */
  commits: number;
  /** Times it took over another's state, having been away for too long. */
  resets: number;
  /** 0 to 8: how slow this node takes itself to be. */
  doubt: number;
  /** Connections that were closed, by reason. */
  refusals: Record<string, number>;
  /** Messages of members that were dropped, by reason. */
  unread: Record<string, number>;
  /** Writes whose clock was more than a minute ahead of this node's. */
  clocks_ahead: number;
}

/** One feature of a row. A `number` travels as float32, a `text` as a string. */
export interface Column {
  name: string;
  kind: "number" | "text";
  /** Whether null is an answer the model knows. */
  nullable?: boolean;
}

/** A newer version, which takes over once it has seen all pictures. */
export interface ComingNetwork {
  model: string;
  version: number;
  digest: string;
  progress: Progress;
}

/** What somebody who is still typing may be about to ask for. */
export interface Completions {
  /** The text with its last word completed, the commonest first. */
  texts: string[];
  categories: SuggestedCategory[];
  products: SuggestedProduct[];
}

export interface Conflicts {
  key: string;
  /** Counts this key's changes, from 1; a deletion is one. */
  version: number;
  conflicts: Losing[];
}

export interface Count {
  value: string;
  products: number;
}

export interface Counted {
  id: number;
  name: string;
  description: string;
  count: number;
  /** Of all in this time, 0 to 1. */
  share: number;
}

/** What a publisher may say about a file; everything left out is read from the file itself. */
export interface Description {
  kind?: string;
  input?: TabularInput | ImageInput | TensorInput | null;
  output?: ModelOutput | null;
  labels?: (string | number)[] | null;
  /** Probability of the best class below which an answer is unsure. */
  unsure_below?: number | null;
  metrics?: Record<string, JsonValue>;
  trained_from?: Record<string, JsonValue>;
  card?: string;
}

/** Labels that people allowed to be counted. */
export interface EmotionStatistics {
  since: string;
  until: string;
  step_minutes: number;
  total: number;
  classes: Counted[];
  /** In order; steps without any label are left out. */
  spans: Span[];
}

export interface Erased {
  subject: string;
  /** How many things each room erased or made nameless. */
  rooms: Record<string, number>;
}

/** One deed of one shopper. There is no room for more than this: a field it does not know is refused. */
export interface Event {
  /** Made by the sender; the same event sent again counts once. */
  id: string;
  /** A random text that the page made and keeps, as `crypto.randomUUID()` does. The node keeps a keyed hash of it only. */
  shopper: string;
  kind: Kind;
  sku: string;
  /** Where, if it matters. */
  store?: string | null;
  /** When; left out, now. */
  at?: string | null;
  /** That the shopper said yes to this; without it nothing is kept. */
  consent?: boolean;
  /** That they said yes, too, to keeping with it what their face shows: the mood of a stream of expressions whose session is this shopper's id, if there is one now. */
  mood?: boolean;
}

export interface EventBatch {
  events: Event[];
}

export interface Expression {
  emotion_name: string;
  /** Probability of that expression, 0 to 1. */
  confidence: number;
  /** Whether it may well be none of them; left out where the model does not say. */
  unsure?: boolean | null;
  probabilities: Record<string, number>;
  /** Where the face is, when faces were looked for. */
  box?: Box | null;
}

/** What one picture shows. */
export interface Expressions {
  /** The largest first; the picture as a whole when no face was looked for. */
  faces: Expression[];
  model: string;
  version: number;
  model_version_tag: string;
  processing_time_ms: number;
  timestamp: string;
  /** Whether the label of each is in the database now; left out where it was not to be. */
  stored?: boolean | null;
}

/** How many products each choice would leave, beside the filters of the other kinds. */
export interface Facets {
  /** With those below them, in the order of their paths. */
  categories: Count[];
  /** The most frequent first. */
  brands: Count[];
  min_price?: number | null;
  max_price?: number | null;
}

export interface Forgotten {
  /** Labels and moods that were kept under that session. */
  erased: number;
}

/** Newest first. */
export interface Found {
  messages: Message[];
}

/** A new room; who makes it is in it. */
export interface Founding {
  name: string;
  kind?: "public" | "private";
  title?: string;
  members?: string[];
}

/** A class that the network may have seen. */
export interface Guess {
  label: string | number;
  /** 0 to 1; left out where the caller saw it. */
  probability?: number | null;
  /** Where the catalogue keeps such things, if anybody has said. */
  category?: string | null;
}

/** How a federation is. */
export interface Health {
  /** Share, 0 to 1, of the clients asked to train in this round who have answered. */
  round_completion?: number;
  /** Clients whose latest answer took longer than 30 s (a setting), or takes longer. */
  stragglers?: number;
  /** Mean rows that clients trained on, of who told. */
  average_samples?: number;
  /** Percent of the clients that are neither slow nor offline nor in error. */
  federation_health?: number;
}

export interface Highlights {
  /** All of it. */
  title: Segment[];
  /** The part that says most of what was looked for. */
  description?: Segment[];
}

export interface Hit {
  product: Product;
  /** How well it fits; only comparable within one answer, and only by relevance. */
  score?: number | null;
  highlights: Highlights;
}

/** A picture, as the network wants it: `(pixel - mean) * scale`, pixels from 0 to 255. */
export interface ImageInput {
  type?: "image";
  input: string;
  width: number;
  height: number;
  channels?: "RGB" | "BGR" | "GRAY";
  layout?: "NCHW" | "NHWC";
  /** One value, or one a channel. */
  mean?: number[];
  /** One value, or one a channel. */
  scale?: number[];
  /** stretch: both sides; crop: fill and cut the middle; pad: fit and repeat the edge. */
  fit?: "stretch" | "crop" | "pad";
}

/** An order with its rows: objects by column name, or lists with `columns` naming their places. */
export interface InlineTraining {
  kind: "linear_regression" | "logistic_regression" | "svm" | "decision_tree" | "random_forest" | "gradient_boosting" | "mlp";
  /** What to predict: a column, or `COLUMN>NUMBER` (also `>=`, `<`, `<=`), `COLUMN==VALUE` or `COLUMN!=VALUE`, which makes the classes false and true. An exact column name goes first. */
  target: string;
  /** auto: words, yes-or-no and a few whole numbers are classes. */
  task?: "auto" | "classification" | "regression";
  /** Columns to learn from; all but the target when left out. */
  features?: string[] | null;
  /** Share of the rows kept aside to measure on. 0: none. */
  holdout?: number;
  /** Of the split and of all chance in training. */
  seed?: number;
  /** The estimator's own, such as `{"max_depth": 3}`. */
  settings?: Record<string, JsonValue>;
  /** Model card, Markdown; written for you when empty. */
  card?: string;
  rows: (Record<string, number | string | boolean | null> | (number | string | boolean | null)[])[];
  columns?: string[] | null;
}

export interface InvitationList {
  invitations: IssuedInvitation[];
}

/** Whom to invite. */
export interface InvitationOrder {
  /** Whose rows they are, as people know them. */
  name: string;
  /** How long it may be redeemed. */
  days?: number;
}

/** An invitation as it is listed. What is in it is not kept. */
export interface IssuedInvitation {
  id: string;
  name: string;
  owner: string;
  /** redeemed: its store is a client; revoked: that, or its client, was removed. */
  state: "open" | "expired" | "redeemed" | "revoked";
  created_at: string;
  expires_at: string;
  redeemed_at?: string | null;
}

/** One federated training. */
export interface Job {
  number: number;
  owner: string;
  order: TrainingJob | AppJob;
  /** How many take part. */
  clients: number;
  state: JobState;
  /** The one under way, or the last; 0 before the first. */
  round?: number;
  /** How many there will be; 0 where only its app knows. */
  rounds: number;
  /** What a waiting job waits for, in a sentence. */
  waiting_for?: string;
  /** Clients that would help it on, by name. */
  away?: string[];
  health?: Health;
  created_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  error?: JobError | null;
  result?: JobResult | null;
  /** Id of the last event that was kept. */
  last_event?: number;
}

/** How a client of a job stands. */
export interface JobClient {
  /** Its own in this job. */
  id: string;
  name: string;
  host: string;
  port: number;
  dataset: string;
  /** training: asked, and at it; slow: alive, and takes or took longer than 30 s; offline: asked, and no sign of life for 30 s (both are settings); error: it could not, or its answer was refused. */
  status: "pending" | "connected" | "training" | "completed" | "slow" | "error" | "offline";
  round: number;
  /** A fraction; on rows held out there, once that was measured. */
  accuracy: number | null;
  loss: number | null;
  train_samples: number | null;
  test_samples: number | null;
  /** Seconds of its latest answer. */
  response_time: number | null;
  last_seen: string | null;
}

export interface JobClientList {
  clients: JobClient[];
}

/** What a job failed of; the same words a plain request would have been refused with. */
export interface JobError {
  error: string;
  detail: string;
  [more: string]: unknown;
}

export interface JobList {
  jobs: Job[];
  /** Whether older ones follow; ask for those `before` the last number. */
  more: boolean;
}

/** The version that was published. */
export interface JobResult {
  name: string;
  version: number;
  digest: string;
}

export type JobState = "pending" | "waiting" | "running" | "completed" | "failed" | "stopped";

export type JsonValue = unknown;

/** What became of a batch; durable when this is answered. */
export interface Kept {
  kept: number;
  /** Were there already. */
  repeated: number;
  /** SKUs that the catalogue does not hold; their events were left out. */
  unknown?: string[];
}

/** Keys in their order, by Unicode code points. */
export interface KeyList {
  keys: Listed[];
  /** Where to go on, given as `after`; nothing at the end of the list. */
  next?: string | null;
}

/** What a shopper did with a product. */
export type Kind = "view" | "cart" | "purchase";

export interface LeftCluster {
  id: string;
  /** Live members, of which one at least has all rows. */
  handed_over_to: string[];
}

export interface Listed {
  key: string;
  /** Counts this key's changes, from 1; a deletion is one. */
  version: number;
  /** Bytes of the value. */
  size: number;
}

/** A value that was written at the same time as the one that stands, and lost. */
export interface Losing {
  version: number;
  /** By the clock of the member that wrote it. */
  at: string;
  /** Which that was, where it is known. */
  member?: string | null;
  deleted?: boolean;
  size?: number;
  /** In Base64; left out of a deletion, and of a value above 64 KiB. */
  value?: string | null;
}

/** How far somebody has come in a room. */
export interface Marks {
  delivered?: number;
  read?: number;
}

export interface MemberHealth {
  /** Share of its processors that is taken; 1 is all. */
  load: number;
  /** Requests and tasks that wait. */
  queue: number;
  /** Models that it holds ready. */
  models: number;
}

/** One message, as it is now. */
export interface Message {
  room: string;
  /** Its place in the room: 1, 2, 3, … with gaps where something was changed. */
  seq: number;
  /** The room's number of its last change; `seq` for one that nobody changed. Who has seen everything up to a number asks for what has a greater one. */
  changed: number;
  /** Made by the sender; the same sent again is the same message. */
  id: string;
  person: string;
  nickname: string;
  role: "guest" | "member" | "operator";
  /** Text, never HTML. Empty when it was deleted. */
  text: string;
  at: string;
  edited_at?: string | null;
  deleted?: boolean;
  reply_to?: number | null;
  products?: Card[];
}

/** In the order of the room. */
export interface Messages {
  room: string;
  /** The room's number up to which this is complete, unless there is `more`. */
  last: number;
  messages: Message[];
  /** Whether there is more in the direction that was asked for. */
  more?: boolean;
}

/** One version on the shelf: a small row that travels, beside a file named by its digest. */
export interface Model {
  name: string;
  version: number;
  /** sha256 of the ONNX file. */
  digest: string;
  /** Bytes of the ONNX file. */
  size: number;
  /** How it was made, such as `mlp`, or `onnx` when brought along. */
  kind: string;
  input: TabularInput | ImageInput | TensorInput;
  output: ModelOutput;
  /** Measured on rows the model has not seen. */
  metrics?: Record<string, JsonValue>;
  /** Data, split, seed, settings, software: what made it. */
  trained_from?: Record<string, JsonValue>;
  /** Model card, Markdown. */
  card?: string;
  state?: State;
  state_reason?: string;
  published_at: string;
  /** Who published this name first; only they may change it. What is `feria`'s came with the program: the first to publish a version of their own has the name. */
  owner?: string;
}

export interface ModelList {
  models: ShelvedModel[];
}

/** Which of the graph's outputs mean what. `labels` are the classes in column order. */
export interface ModelOutput {
  task: "classification" | "regression" | "tensor";
  labels?: (string | number)[] | null;
  /** Output with the label or the number. */
  value?: string | null;
  /** Output with a column a class. */
  probabilities?: string | null;
  /** Output with a vector for similarity. */
  embedding?: string | null;
  /** All outputs, in the graph's order. */
  tensors?: string[];
  /** For pictures that may be of no class: where the best class has less than this probability, the answer says that it is unsure. Without it no answer says either. */
  unsure_below?: number | null;
}

/** What a session has looked like of late, the latest counting most. It is in memory only. */
export interface Mood {
  /** A share for each expression, 1 in all. */
  mood: Record<string, number>;
  dominant: string;
  /** Answers that it rests on. */
  looks: number;
  since: string;
  /** Of the latest of these. */
  at: string;
}

/** The only time that its text is seen. */
export interface NewInvitation {
  id: string;
  name: string;
  owner: string;
  /** redeemed: its store is a client; revoked: that, or its client, was removed. */
  state: "open" | "expired" | "redeemed" | "revoked";
  created_at: string;
  expires_at: string;
  redeemed_at?: string | null;
  /** One line, for the store: it lets in who has it first. */
  text: string;
}

/** The only time that the secret is seen. */
export interface NewToken {
  id: string;
  name: string;
  role: Role;
  permissions: Permission[];
  created_at: string;
  expires_at?: string | null;
  /** To within an hour. */
  last_used_at?: string | null;
  token: string;
}

export interface Page {
  products: Product[];
  /** On all pages. */
  total: number;
  /** `after` of the page that follows, if one does. */
  next?: string | null;
  /** With the first page only. */
  facets?: Facets | null;
}

/** Who takes part in a job, and what is done about those who do not answer. */
export interface Participation {
  /** By name; all there are when left out. */
  clients?: string[];
  /** Longest that a round waits for its clients' answers. */
  deadline_seconds?: number;
  /** So many of them, drawn anew each round; all when left out. */
  per_round?: number | null;
  /** A round counts with so many good replies; when left out, with all that were asked. */
  min_replies?: number | null;
  /** Longest that a round waits for enough clients. */
  wait_seconds?: number;
  /** Too few good replies: end the job, do the round again until there are enough or `wait_seconds` are over, or go on with the arrays as they were. */
  otherwise?: "fail" | "wait" | "continue";
  /** Between two tries of a round. */
  retry_seconds?: number;
}

/** What a route can ask for. */
export type Permission = "read" | "predict" | "train" | "catalog" | "keys" | "watch" | "administer";

/** What each room of this node keeps under a name. */
export interface PersonalData {
  subject: string;
  rooms: Record<string, unknown>;
}

/** Fetched at `/v1/pictures/{digest}`; the bytes of a digest never change. */
export interface Picture {
  digest: string;
  thumbnail: string;
  width: number;
  height: number;
  /** sha256 of the file it was made from. */
  source?: string;
}

export interface PictureAnswer {
  model: string;
  version: number;
  digest: string;
  /** The likeliest classes, best first. */
  predictions: Guess[];
  /** Whether the picture may well be of no class that the network knows; left out where it does not say. */
  unsure?: boolean | null;
  found_by: ("looks" | "words" | "category")[];
  products: Alike[];
}

/** The network that pictures are searched for with, for pages that run it themselves. */
export interface PictureNetwork {
  model: string;
  version: number;
  digest: string;
  /** Its ONNX file; the bytes there never change. */
  url: string;
  /** Bytes of that file. */
  size: number;
  input: ImageInput;
  labels: (string | number)[] | null;
  unsure_below: number | null;
  /** Output with a column a class. */
  probabilities: string | null;
  /** Output with the vector. */
  embedding: string | null;
  /** Numbers of a vector; none where it makes none. */
  dimension: number | null;
  /** From its labels to the catalogue's categories. */
  categories: Record<string, string>;
  progress: Progress;
  coming?: ComingNetwork | null;
}

export interface PicturePrediction {
  label: string | number;
  /** Probability of the label, 0 to 1. */
  confidence: number;
  /** The likeliest classes, best first. */
  top: Ranked[];
  /** Whether the picture may well be of no class the model knows; left out where the model does not say from which probability on it is sure. */
  unsure?: boolean | null;
}

/** One prediction a picture, in the order they were sent. */
export interface PicturePredictions {
  model: string;
  version: number;
  digest: string;
  predictions: PicturePrediction[];
}

/** Central differential privacy: each client's update is clipped, and noise is added to their mean. */
export interface PrivacySettings {
  /** Noise's standard deviation in clipping norms. */
  noise_multiplier: number;
  /** Longest that one client's update may be (L2). */
  clipping_norm: number;
  /** The δ for which the spent ε is told. */
  delta?: number;
  /** The job ends before the round that would spend more. */
  max_epsilon?: number | null;
}

/** What every refusal says; some say more, such as the row or the column it is about. */
export interface Problem {
  /** A stable code for programs. */
  error: string;
  /** A sentence for people. */
  detail: string;
  [more: string]: unknown;
}

/** A product as it is read. */
export interface Product {
  sku: string;
  title: Words;
  description?: Words;
  category?: string | null;
  brand?: string;
  price: number;
  currency?: string;
  attributes?: Record<string, boolean | number | string>;
  stock?: number | null;
  pictures?: Picture[];
  created_at: string;
  updated_at: string;
}

export interface ProductBatch {
  /** Each as `PUT /v1/products/{sku}` takes it. */
  products: Record<string, unknown>[];
}

/** A product as it is written. */
export interface ProductDraft {
  sku: string;
  title: Words;
  description?: Words;
  category?: string | null;
  brand?: string;
  price: number | string;
  currency?: string;
  attributes?: Record<string, boolean | number | string>;
  stock?: number | null;
}

export interface Progress {
  /** Pictures of products that can be found by their looks. */
  vectors: number;
  /** Products with pictures that the network has not seen yet. */
  waiting: number;
  /** Pictures that it could not see. */
  failed: number;
}

export interface Ranked {
  label: string | number;
  probability: number;
}

/** Best first. May be shorter than was asked for, or empty: nothing is made up. */
export interface Recommendations {
  /** `ranker`: ordered by the model; `rule`: by the shopper's own events, no model being there; `popular`: nothing is known of this shopper; `together`: what is bought with that product. */
  basis: "ranker" | "rule" | "popular" | "together";
  /** Which model ordered them, `name@version`. */
  model?: string | null;
  products: Recommended[];
}

export interface Recommended {
  /** In the language that was asked for. */
  title: string;
  /** Comparable within this answer only. */
  score: number;
  product: Product;
}

export interface Redeemed {
  name: string;
  /** Decimal; too large for a JSON number. */
  node_id: string;
  /** host:port */
  superlink: string;
}

/** All that a store tells when it joins. */
export interface Redemption {
  token: string;
  /** OpenSSH. The same token with the same key is answered the same again: the first answer may have been lost. */
  public_key: string;
  dataset: string;
  columns: Column[];
  rows: number;
  schema_digest: string;
}

/** A named set of permissions. */
export type Role = "client" | "viewer" | "operator" | "admin";

export interface Room {
  name: string;
  kind: "public" | "private" | "direct" | "shop";
  title: string;
  /** The room's number: of its newest message or change. */
  last: number;
  marks?: Marks;
  /** Messages of others after `marks.read`. */
  unread?: number;
}

export interface RoomList {
  rooms: Room[];
}

/** How a round went, over all clients. Metrics are means weighted by samples. */
export interface Round {
  round: number;
  /** When it had ended. */
  at: string;
  /** Good ones; 0 where the model stayed as it was. */
  replies: number;
  seconds: number;
  /** On the clients' held-out rows, else on the server's. */
  loss?: number | null;
  /** A fraction, on the same rows. */
  accuracy?: number | null;
  train: Record<string, unknown>;
  evaluate: Record<string, unknown>;
  /** On the server's own rows. */
  central: Record<string, unknown>;
  /** Privacy that all rounds so far have spent. */
  epsilon?: number | null;
  delta?: number | null;
}

export interface RoundList {
  rounds: Round[];
}

/** One prediction a row. `labels` names the columns of `probabilities`; both are for classes. */
export interface RowPredictions {
  model: string;
  version: number;
  digest: string;
  predictions: (string | number)[];
  labels?: (string | number)[] | null;
  probabilities?: number[][] | null;
}

/** What somebody may not do. */
export interface Sanction {
  person: string;
  kind: "mute" | "ban";
  /** Everywhere, where none is named. */
  room: string | null;
  /** For good, where none is named. */
  until: string | null;
  reason: string;
  by: string;
  at: string;
}

export interface SanctionList {
  sanctions: Sanction[];
}

/** A message over HTTP. */
export interface Say {
  /** Made by the sender; sent again, it counts once. */
  id: string;
  text?: string;
  reply_to?: number | null;
  products?: string[];
}

export interface SearchPage {
  hits: Hit[];
  /** On all pages. */
  total: number;
  /** What the text was taken for, where a word in it was held to be misspelt. */
  corrected?: string | null;
  /** With the first page only. */
  facets?: Facets | null;
  /** Time that the node took. */
  took_ms: number;
}

/** A piece of text; what was looked for is marked, and text stays text: nothing in it is markup. */
export interface Segment {
  text: string;
  match?: boolean;
}

/** What somebody shall not do any more, or may do again. */
export interface Sentence {
  person: string;
  kind: "mute" | "ban";
  /** Left out, everywhere. */
  room?: string | null;
  /** Left out, until it is lifted. */
  minutes?: number | null;
  reason?: string;
  /** It is over. */
  lift?: boolean;
}

/** A version as the node that answers has it. */
export interface ShelvedModel {
  name: string;
  version: number;
  /** sha256 of the ONNX file. */
  digest: string;
  /** Bytes of the ONNX file. */
  size: number;
  /** How it was made, such as `mlp`, or `onnx` when brought along. */
  kind: string;
  input: TabularInput | ImageInput | TensorInput;
  output: ModelOutput;
  /** Measured on rows the model has not seen. */
  metrics?: Record<string, JsonValue>;
  /** Data, split, seed, settings, software: what made it. */
  trained_from?: Record<string, JsonValue>;
  /** Model card, Markdown. */
  card?: string;
  state?: State;
  state_reason?: string;
  published_at: string;
  /** Who published this name first; only they may change it. What is `feria`'s came with the program: the first to publish a version of their own has the name. */
  owner?: string;
  /** How much of its file is on this node; the rest comes when the model is used. */
  here?: number;
}

export interface SignIn {
  token: string;
}

export interface SimilarProducts {
  found_by: ("looks" | "words" | "category")[];
  products: Alike[];
}

/** A step of time. */
export interface Span {
  start: string;
  total: number;
  /** By expression; what was not seen is left out. */
  counts: Record<string, number>;
  /** Of all in this step, 0 to 1. */
  shares: Record<string, number>;
}

export type State = "ready" | "deprecated" | "deleted";

/** Takes a version off `latest` (deprecated) or puts it back (ready). */
export interface StateChange {
  state: "ready" | "deprecated";
  reason?: string;
}

/** What became of a message; it survives whatever happens to the node from now on. */
export interface Stored {
  room: string;
  seq: number;
  changed: number;
  at: string;
  /** Whether it had been stored before. */
  repeated?: boolean;
}

export interface SuggestedCategory {
  path: string;
  title: Words;
}

export interface SuggestedProduct {
  sku: string;
  title: Words;
}

/**
 * Rows of named columns.
 *
 * The graph takes the number columns, in this order, as float32 `[rows, numbers]` under the name
 * `numbers_input`, and the text columns as string `[rows, texts]` under `texts_input`. A missing
 * number is NaN there, a missing text the empty string.
 */
export interface TabularInput {
  type?: "tabular";
  columns: Column[];
  numbers_input?: string | null;
  texts_input?: string | null;
}

/** One queued unit of work. Its result is asked for apart, for it may be long. */
export interface Task {
  /** Sorts by the time of submission. */
  id: string;
  kind: string;
  owner: string;
  state: TaskState;
  priority: number;
  /** How often it has been started. */
  attempts: number;
  /** What is being done, while it runs. */
  doing?: string;
  /** The fraction done, 0 to 1. */
  progress?: number;
  submitted_at: string;
  started_at?: string | null;
  finished_at?: string | null;
  /** When it and its result are forgotten. */
  expires_at?: string | null;
  error?: TaskError | null;
  /** Of the request that submitted it; stands in its log lines. */
  request_id: string;
}

/** What a failed task raised; the same words a plain request would have been refused with. */
export interface TaskError {
  error: string;
  detail: string;
  [more: string]: unknown;
}

export interface TaskList {
  tasks: Task[];
  /** Whether older ones follow; ask for those `before` the last id. */
  more: boolean;
}

export type TaskState = "waiting" | "running" | "done" | "failed" | "cancelled";

/** Inputs this node cannot name: served as plain nested lists, one list an input. */
export interface TensorInput {
  type?: "tensor";
  /** Element type and shape of each input; null is any size. */
  tensors: Record<string, [string, (number | null)[]]>;
}

/** A token as it is listed. Its secret is not kept. */
export interface Token {
  id: string;
  name: string;
  role: Role;
  permissions: Permission[];
  created_at: string;
  expires_at?: string | null;
  /** To within an hour. */
  last_used_at?: string | null;
}

export interface TokenList {
  tokens: Token[];
}

/** What a token shall allow. */
export interface TokenOrder {
  /** Who or what holds it. Models and tasks are kept under this name, so a token that takes the place of another has the same. */
  name: string;
  role: Role;
  /** Fewer permissions than the role's; left out, all of them. */
  allow?: Permission[] | null;
  /** Valid for so long; unset has no end. */
  days?: number | null;
}

/** Which model to make as in a training, from whose rows, and how they go about it together. */
export interface TrainingJob {
  kind: "linear_regression" | "logistic_regression" | "svm" | "decision_tree" | "random_forest" | "gradient_boosting" | "mlp";
  /** What to predict: a column, or `COLUMN>NUMBER` (also `>=`, `<`, `<=`), `COLUMN==VALUE` or `COLUMN!=VALUE`, which makes the classes false and true. An exact column name goes first. */
  target: string;
  /** auto: words, yes-or-no and a few whole numbers are classes. */
  task?: "auto" | "classification" | "regression";
  /** Columns to learn from; all but the target when left out. */
  features?: string[] | null;
  /** Share of the rows kept aside to measure on. 0: none. */
  holdout?: number;
  /** Of the split and of all chance in training. */
  seed?: number;
  /** The estimator's own, such as `{"max_depth": 3}`. */
  settings?: Record<string, JsonValue>;
  /** Model card, Markdown; written for you when empty. */
  card?: string;
  /** Name under which the result is published. */
  model: string;
  /** Of whom; without names, of all clients there are at its start. */
  participation?: Participation;
  /** Longest that one client may work on one message, where it runs in a process that can be ended; the round's deadline when left out. */
  fit_seconds?: number | null;
  /** How the clients' arrays become one. */
  strategy?: "fedavg" | "fedprox" | "fedadam" | "fedyogi" | "median" | "trimmed_mean" | "krum" | "bulyan" | "bagging";
  /** The strategy's own, in Flower's words. */
  strategy_settings?: Record<string, JsonValue>;
  rounds?: number;
  /** None without it. */
  privacy?: PrivacySettings | null;
}

/** Which kind of model to make, what it shall predict, and how. */
export interface TrainingOrder {
  kind: "linear_regression" | "logistic_regression" | "svm" | "decision_tree" | "random_forest" | "gradient_boosting" | "mlp";
  /** What to predict: a column, or `COLUMN>NUMBER` (also `>=`, `<`, `<=`), `COLUMN==VALUE` or `COLUMN!=VALUE`, which makes the classes false and true. An exact column name goes first. */
  target: string;
  /** auto: words, yes-or-no and a few whole numbers are classes. */
  task?: "auto" | "classification" | "regression";
  /** Columns to learn from; all but the target when left out. */
  features?: string[] | null;
  /** Share of the rows kept aside to measure on. 0: none. */
  holdout?: number;
  /** Of the split and of all chance in training. */
  seed?: number;
  /** The estimator's own, such as `{"max_depth": 3}`. */
  settings?: Record<string, JsonValue>;
  /** Model card, Markdown; written for you when empty. */
  card?: string;
}

/** What a browser saw that ran the network by itself; the picture stays where it is. */
export interface VectorQuery {
  /** Digest of the network's file. */
  model: string;
  vector?: number[] | null;
  /** The likeliest class. */
  label?: string | number | null;
  /** Words beside it; cut when long. */
  q?: string;
  /** Only these and those below. */
  category?: string | null;
  brand?: string[];
  min_price?: number | string | null;
  max_price?: number | string | null;
  in_stock?: boolean;
  limit?: number;
}

/** Who asks, as the node sees it. */
export interface Who {
  /** Whether this node asks callers for a token. */
  locked: boolean;
  /** Nothing for who has not signed in. */
  subject?: string | null;
  role?: Role | null;
  permissions?: Permission[];
}

/** A text in the shop's two languages; one that is missing is taken from the other. */
export interface Words {
  es?: string;
  en?: string;
}

/** What came of one product that was sent. */
export interface Written {
  sku: string;
  outcome: "new" | "changed" | "unchanged" | "refused";
  /** Why it was refused. */
  detail?: string;
  /** sha256 of the files that its pictures were made from, in their order. */
  sources?: string[];
}

/** What a write has left: durable here, and on its way to the other members. */
export interface WrittenKey {
  key: string;
  /** Counts this key's changes, from 1; a deletion is one. */
  version: number;
}

export interface WrittenList {
  products: Written[];
}

/** Every route below /v1: what it takes and what it answers. */
export interface Routes {
  /** Every token that was not revoked, the newest first; never its secret. */
  "GET /v1/tokens": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: TokenList;
  };
  /** Make a token. The answer holds it; it cannot be shown again. */
  "POST /v1/tokens": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: TokenOrder;
    reply: NewToken;
  };
  /** End a token and the sessions opened with it: here at once, on nodes that share the database in 5 s. */
  "DELETE /v1/tokens/{id}": {
    path: { id: string };
    query: { force?: boolean };
    body: undefined;
    reply: undefined;
  };
  /** Who asks, as the node sees it. Answered to anyone. */
  "GET /v1/session": { path: Record<string, never>; query: Record<string, never>; body: undefined; reply: Who };
  /** Sign a browser in: its token becomes a session, kept in a cookie that scripts cannot read. */
  "POST /v1/session": { path: Record<string, never>; query: Record<string, never>; body: SignIn; reply: Who };
  /** End this browser's session. */
  "DELETE /v1/session": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** All that is kept under a name, by room. */
  "GET /v1/privacy/{subject}": {
    path: { subject: string };
    query: Record<string, never>;
    body: undefined;
    reply: PersonalData;
  };
  /** Erase it, or nothing where their token is the last to administer the node. Models stay and lose their owner. */
  "DELETE /v1/privacy/{subject}": {
    path: { subject: string };
    query: Record<string, never>;
    body: undefined;
    reply: Erased;
  };
  /** The latest ready version of every model. */
  "GET /v1/models": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: ModelList;
  };
  /** Every version of one model, the latest first. */
  "GET /v1/models/{name}": {
    path: { name: string };
    query: Record<string, never>;
    body: undefined;
    reply: ModelList;
  };
  /** Publish a file as the next version. It is checked in a process of its own, then served at once. */
  "POST /v1/models/{name}": {
    path: { name: string };
    query: Record<string, never>;
    body: FormData;
    reply: ShelvedModel;
  };
  /** Delete every version. Their numbers are not given out again. */
  "DELETE /v1/models/{name}": {
    path: { name: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** One version: what it takes and answers, its metrics, where it comes from, its card. */
  "GET /v1/models/{name}/versions/{version}": {
    path: { name: string; version: number };
    query: Record<string, never>;
    body: undefined;
    reply: ShelvedModel;
  };
  /** Deprecate a version, which takes it off `latest`, or make it ready again. */
  "PATCH /v1/models/{name}/versions/{version}": {
    path: { name: string; version: number };
    query: Record<string, never>;
    body: StateChange;
    reply: ShelvedModel;
  };
  /** Delete one version. Its number is not given out again; `latest` goes to the one before. */
  "DELETE /v1/models/{name}/versions/{version}": {
    path: { name: string; version: number };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** The bytes of that digest, verified. Ranges are answered; the content never changes. */
  "GET /v1/blobs/{sha256}": {
    path: { sha256: string };
    query: Record<string, never>;
    body: undefined;
    reply: Blob;
  };
  /** Train a model on a table and serve it as the next version of that name. */
  "POST /v1/models/{name}/train": {
    path: { name: string };
    query: { priority?: number };
    body: InlineTraining | FormData;
    reply: Model | Task;
  };
  /** One's own tasks, the newest first; an administrator's are everybody's. */
  "GET /v1/tasks": {
    path: Record<string, never>;
    query: { state?: TaskState; kind?: string; before?: string; limit?: number };
    body: undefined;
    reply: TaskList;
  };
  /** How a task stands. */
  "GET /v1/tasks/{task_id}": {
    path: { task_id: string };
    query: Record<string, never>;
    body: undefined;
    reply: Task;
  };
  /** Call off a task; one that has ended is forgotten, with its result. */
  "DELETE /v1/tasks/{task_id}": {
    path: { task_id: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** What came of a task, or its error; as soon as there is either, if that is within `wait` seconds. */
  "GET /v1/tasks/{task_id}/result": {
    path: { task_id: string };
    query: { wait?: number };
    body: undefined;
    reply: unknown | Task;
  };
  /** Server-sent events named `task`, each a task as it stands now, until it has ended. */
  "GET /v1/tasks/{task_id}/events": {
    path: { task_id: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** A worker asks for work: a task to do, or 204 where nothing waits. */
  "POST /v1/errands": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: unknown | undefined;
  };
  /** A worker says that it lives, and how far it is; the answer names the tasks it may drop. */
  "POST /v1/errands/beat": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: unknown;
  };
  /** The file that a task brought along. */
  "GET /v1/errands/{task_id}/file": {
    path: { task_id: string };
    query: Record<string, never>;
    body: undefined;
    reply: Blob;
  };
  /** A piece of the file that a worker has made for a task: the bytes from `at` on. */
  "POST /v1/errands/{task_id}/made": {
    path: { task_id: string };
    query: { at?: number };
    body: undefined;
    reply: undefined;
  };
  /** The file of a model, for a worker that is to use it. */
  "GET /v1/errands/blobs/{digest}": {
    path: { digest: string };
    query: Record<string, never>;
    body: undefined;
    reply: Blob;
  };
  /** Products, page by page. The first page counts what each filter would leave. */
  "GET /v1/products": {
    path: Record<string, never>;
    query: { category?: string; brand?: string[]; min_price?: number | string; max_price?: number | string; sort?: "sku" | "price" | "-price" | "newest" | "title"; after?: string; limit?: number };
    body: undefined;
    reply: Page;
  };
  /** Insert or replace many, by SKU; one that is refused does not hold up the others. */
  "POST /v1/products": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: ProductBatch;
    reply: WrittenList;
  };
  /** One product, with its pictures. */
  "GET /v1/products/{sku}": {
    path: { sku: string };
    query: Record<string, never>;
    body: undefined;
    reply: Product;
  };
  /** Insert or replace a product; its pictures stay. A category that is not there is made. */
  "PUT /v1/products/{sku}": {
    path: { sku: string };
    query: Record<string, never>;
    body: ProductDraft;
    reply: Product;
  };
  /** Take a product out of the catalogue. */
  "DELETE /v1/products/{sku}": {
    path: { sku: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** Give a product these pictures, in this order, instead of those it has. Each is kept upright, at most 1,024 pixels on its longer side, as WebP, with a thumbnail. */
  "PUT /v1/products/{sku}/pictures": {
    path: { sku: string };
    query: Record<string, never>;
    body: FormData;
    reply: Product;
  };
  /** Take all its pictures off a product. */
  "DELETE /v1/products/{sku}/pictures": {
    path: { sku: string };
    query: Record<string, never>;
    body: undefined;
    reply: Product;
  };
  /** A picture or thumbnail. */
  "GET /v1/pictures/{digest}": {
    path: { digest: string };
    query: Record<string, never>;
    body: undefined;
    reply: Blob;
  };
  /** The tree, with how many products each holds and those below it. */
  "GET /v1/categories": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: CategoryList;
  };
  /** Make a category or give it other words; those above it are made where they are not there. */
  "PUT /v1/categories/{path}": {
    path: { path: string };
    query: Record<string, never>;
    body: CategoryDraft;
    reply: undefined;
  };
  /** Take away a category that holds nothing; one that does is a conflict. */
  "DELETE /v1/categories/{path}": {
    path: { path: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** Products that have the words, in Spanish and English, whatever their number, case and accents; what a word may begin, or be misspelt for, comes after. Without words, all of them, the newest first. */
  "GET /v1/search": {
    path: Record<string, never>;
    query: { q?: string; lang?: "es" | "en"; sort?: "relevance" | "price" | "-price" | "newest"; limit?: number; offset?: number; category?: string; brand?: string[]; min_price?: number | string; max_price?: number | string; in_stock?: boolean };
    body: undefined;
    reply: SearchPage;
  };
  /** What a text that is still being typed may become: for a list below the box. */
  "GET /v1/search/complete": {
    path: Record<string, never>;
    query: { q?: string; lang?: "es" | "en"; limit?: number };
    body: undefined;
    reply: Completions;
  };
  /** Make the text index anew, as a task; searches are answered from the old one meanwhile. */
  "POST /v1/search/reindex": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: Task;
  };
  /** Products that look like a picture, and what the network takes it for. With words as well, both rankings become one. The picture is not kept; as a task, not longer than the task. */
  "POST /v1/search/image": {
    path: Record<string, never>;
    query: { q?: string; limit?: number; priority?: number; category?: string; brand?: string[]; min_price?: number | string; max_price?: number | string; in_stock?: boolean };
    body: Blob | FormData | { image: string };
    reply: PictureAnswer | Task;
  };
  /** The same for a page that ran the network itself and keeps the picture: by the vector it saw, or else by the label. A digest other than that of the network in use is a conflict. */
  "POST /v1/search/vector": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: VectorQuery;
    reply: PictureAnswer;
  };
  /** The network that pictures are searched for with: where its file is, what it takes and answers, and how many of the catalogue's pictures it has seen. */
  "GET /v1/search/model": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: PictureNetwork;
  };
  /** That network's ONNX file, open to everybody while it is in use; the bytes of a digest never change. */
  "GET /v1/search/model/{digest}": {
    path: { digest: string };
    query: Record<string, never>;
    body: undefined;
    reply: Blob;
  };
  /** Products that look like this one; where its pictures have not been seen yet, others of its category. */
  "GET /v1/products/{sku}/similar": {
    path: { sku: string };
    query: { limit?: number; category?: string; brand?: string[]; min_price?: number | string; max_price?: number | string; in_stock?: boolean };
    body: undefined;
    reply: SimilarProducts;
  };
  /** Keep what shoppers did, all of it or nothing; durable when this answers. */
  "POST /v1/events": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: EventBatch;
    reply: Kept;
  };
  /** What this shopper may like; with `sku`, what is often bought together with that product. */
  "GET /v1/recommendations": {
    path: Record<string, never>;
    query: { shopper?: string; sku?: string; lang?: "es" | "en"; limit?: number };
    body: undefined;
    reply: Recommendations;
  };
  /** What a ranker can learn from this node's events: features and `bought`, and nobody's id. */
  "GET /v1/recommendations/rows": {
    path: Record<string, never>;
    query: { format?: "csv" | "parquet" };
    body: undefined;
    reply: Blob;
  };
  /** One's own clients, by name; an administrator's are everybody's. */
  "GET /v1/clients": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: ClientList;
  };
  /** Register a client, with its rows in a CSV or Parquet file. Nobody is given the rows: jobs of the same owner train on them here. */
  "POST /v1/clients": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: FormData;
    reply: Client;
  };
  /** Remove a client and its rows. Models that were trained on them stay. A store is shut out at once, also in the middle of a job, and comes back with a new invitation only. */
  "DELETE /v1/clients/{name}": {
    path: { name: string };
    query: { owner?: string };
    body: undefined;
    reply: undefined;
  };
  /** Have clients train a model together; it is published under its name and served when they are done. */
  "POST /v1/jobs": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: TrainingJob | AppJob;
    reply: Job;
  };
  /** One's own jobs, the newest first; an administrator's are everybody's. */
  "GET /v1/jobs": {
    path: Record<string, never>;
    query: { state?: JobState; before?: number; limit?: number };
    body: undefined;
    reply: JobList;
  };
  /** How a job stands. */
  "GET /v1/jobs/{number}": {
    path: { number: number };
    query: Record<string, never>;
    body: undefined;
    reply: Job;
  };
  /** How each of its clients stands, by name. */
  "GET /v1/jobs/{number}/clients": {
    path: { number: number };
    query: Record<string, never>;
    body: undefined;
    reply: JobClientList;
  };
  /** How each of its rounds went, of those that have ended. */
  "GET /v1/jobs/{number}/rounds": {
    path: { number: number };
    query: Record<string, never>;
    body: undefined;
    reply: RoundList;
  };
  /** Stop a job, also in the middle of a round. Its last round is kept, so it can be resumed. */
  "POST /v1/jobs/{number}/stop": {
    path: { number: number };
    query: Record<string, never>;
    body: undefined;
    reply: Job;
  };
  /** Go on with a job that was stopped or has failed, after the last round it has kept. */
  "POST /v1/jobs/{number}/resume": {
    path: { number: number };
    query: Record<string, never>;
    body: undefined;
    reply: Job;
  };
  /** Server-sent events, from the first or from `Last-Event-ID` on, until the job has ended: `changed` (its state), `round_began`, `sent`, `replied`, `failed`, `straggled`, `alive`, `waiting`, `round_ended` and `ended` (its training). */
  "GET /v1/jobs/{number}/events": {
    path: { number: number };
    query: { after?: number };
    body: undefined;
    reply: undefined;
  };
  /** The registered apps, by name. */
  "GET /v1/apps": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: AppList;
  };
  /** Register a Flower app, or put a newer one in its place: a bundle, as `flwr build` makes it. */
  "POST /v1/apps": { path: Record<string, never>; query: Record<string, never>; body: FormData; reply: App };
  /** Remove an app; jobs that have begun with it go on. */
  "DELETE /v1/apps/{name}": {
    path: { name: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** The latest invitation for each name: one's own; an administrator's are everybody's. */
  "GET /v1/invitations": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: InvitationList;
  };
  /** Invite a store, which keeps its rows and trains on them there. The answer holds the invitation, a line of text which cannot be shown again; an earlier one for the same name is not taken any more. */
  "POST /v1/invitations": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: InvitationOrder;
    reply: NewInvitation;
  };
  /** Take an invitation back. A store that has joined with it is a client, and removed as one. */
  "DELETE /v1/invitations/{id}": {
    path: { id: string };
    query: Record<string, never>;
    body: undefined;
    reply: undefined;
  };
  /** What a store says to join. Open to anyone: the token in it is what lets in, once, and the same store again whose answer was lost. */
  "POST /v1/invitations/redeem": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: Redemption;
    reply: Redeemed;
  };
  /** What the training of a job on a SuperLink tells this node, in MessagePack. Open to whoever signs with the attempt's key, which only the SuperLink and this node can make. */
  "POST /v1/callbacks/{attempt}": {
    path: { attempt: string };
    query: Record<string, never>;
    body: undefined;
    reply: unknown | Blob;
  };
  /** Rooms that the caller may enter, the latest first, with what they have not read; operators see every room in which somebody asks the shop. */
  "GET /v1/chat/rooms": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: RoomList;
  };
  /** Make a room, public or for those who are let in. */
  "POST /v1/chat/rooms": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: Founding;
    reply: Room;
  };
  /** Part of a room's history: the newest, unless `before` or `after` say otherwise. */
  "GET /v1/chat/rooms/{room}/messages": {
    path: { room: string };
    query: { before?: number; after?: number; limit?: number };
    body: undefined;
    reply: Messages;
  };
  /** Say something. It is stored when this answers; the same `id` again is the same message. */
  "POST /v1/chat/rooms/{room}/messages": {
    path: { room: string };
    query: Record<string, never>;
    body: Say;
    reply: Stored;
  };
  /** Take back a message of one's own; operators delete anybody's. */
  "DELETE /v1/chat/rooms/{room}/messages/{seq}": {
    path: { room: string; seq: number };
    query: Record<string, never>;
    body: undefined;
    reply: Stored;
  };
  /** Messages that have all the words, in rooms that the caller may enter, newest first. */
  "GET /v1/chat/search": {
    path: Record<string, never>;
    query: { q: string; room?: string; limit?: number };
    body: undefined;
    reply: Found;
  };
  /** Who is muted or banned now, the latest first. */
  "GET /v1/chat/sanctions": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: SanctionList;
  };
  /** Mute or ban somebody, in a room or everywhere, for a while or for good; or lift that. */
  "POST /v1/chat/sanctions": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: Sentence;
    reply: undefined;
  };
  /** Who is in the cluster, how far everybody is behind, and what passes between the nodes; as this node sees it. */
  "GET /v1/cluster": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: ClusterStatus;
  };
  /** Have this node leave for good. Answers once another member has all that is here. The node goes on alone; started again it joins again. */
  "POST /v1/cluster/leave": {
    path: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    reply: LeftCluster;
  };
  /** What expression a face shows. The picture is not kept; nor is the answer, unless `allow` says so. */
  "POST /v1/emotions": {
    path: Record<string, never>;
    query: { detect?: boolean; allow?: Allow[]; session?: string };
    body: Blob | { image: string };
    reply: Expressions;
  };
  /** What a session that allowed it has looked like of late: for who knows its id, and in memory only. */
  "GET /v1/emotions/mood": {
    path: Record<string, never>;
    query: { session: string };
    body: undefined;
    reply: Mood;
  };
  /** Forget a session: its mood, and every label that was kept under its id. */
  "DELETE /v1/emotions/mood": {
    path: Record<string, never>;
    query: { session: string };
    body: undefined;
    reply: Forgotten;
  };
  /** How often each expression was seen and its share, in all and over time, of those who allowed it. */
  "GET /v1/emotions/statistics": {
    path: Record<string, never>;
    query: { since?: string; until?: string; step?: "minute" | "hour" | "day" };
    body: undefined;
    reply: EmotionStatistics;
  };
  /** Rows for a tabular model, pictures for an image model, `inputs` for any other. The answer says which version gave it. */
  "POST /v1/models/{name}/predict": {
    path: { name: string };
    query: { version?: number; priority?: number };
    body: Record<string, unknown> | FormData | Blob;
    reply: RowPredictions | PicturePredictions | Task;
  };
  /** The keys that begin so, in their order, without their values; or with `watch`, server-sent events: `open` with the place they begin at, and `change` for each key as a change left it. Of changes that follow each other quickly, only a key's last may be told. Who was away too long to be told of deletions hears `lagged`, and reads all anew. The id of an event is its place; `Last-Event-ID` goes on behind it. */
  "GET /v1/kv": {
    path: Record<string, never>;
    query: { prefix?: string; after?: string; limit?: number; watch?: 0 | 1; since?: number };
    body: undefined;
    reply: KeyList;
  };
  /** The value, as it was written. A key that was deleted answers 404 with the `version` of that. With `conflicts`, those values that were written at the same time as others and lost. */
  "GET /v1/kv/{key}": {
    path: { key: string };
    query: { wait?: number; seconds?: number; conflicts?: 1 };
    body: undefined;
    reply: Blob | Conflicts | undefined;
  };
  /** The body is the value, whatever its type. It is durable on this node when it answers, and on its way to the others. Conditions hold on this node, not in the whole cluster. */
  "PUT /v1/kv/{key}": { path: { key: string }; query: Record<string, never>; body: Blob; reply: WrittenKey };
  /** The answer tells the version that the deletion is. */
  "DELETE /v1/kv/{key}": {
    path: { key: string };
    query: Record<string, never>;
    body: undefined;
    reply: WrittenKey;
  };
}
