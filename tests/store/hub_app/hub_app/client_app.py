"""What a stock SuperNode would run at a store. Ours never does."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    raise AssertionError("a stranger's program ran on the rows of a store")
