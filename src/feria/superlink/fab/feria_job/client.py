"""What a SuperNode that is not a store of feria's finds here. Stores have their own, and never run this."""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

WHY = "This node is no store of feria's; `feria client join` makes one."

app = ClientApp()


@app.query()
@app.train()
@app.evaluate()
def refuse(message: Message, context: Context) -> Message:
    raise RuntimeError(WHY)
