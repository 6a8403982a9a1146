/** How many messages wait to be read, told by the chat once it is open and shown beside its link. */

let count = $state(0);

export const unread = {
  get count(): number {
    return count;
  },
  set count(messages: number) {
    count = messages;
  },
};
