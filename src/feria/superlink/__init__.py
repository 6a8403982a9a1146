import os

# Flower reads the first while it is imported: no telemetry, and no question for a newer version.
os.environ.update(FLWR_TELEMETRY_ENABLED="0", FLWR_DISABLE_UPDATE_CHECK="1")
