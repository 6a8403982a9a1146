"""What each peer is given, so that only the servers differ: the decoder, the session, the answer.

Imported inside the peers' own environments: nothing of ours is there.
"""

import base64
import os

import numpy as np
import onnxruntime
import simplejpeg

SIDE = 96
LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SCALE = np.float32(1 / 255)


def session(threads):
    """Of the file that BENCH_MODEL names."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"]
    )


def decode(text, out):
    """Base64 to float32 `[3, 96, 96]`, with the decoder and the options that feria uses."""
    picture = simplejpeg.decode_jpeg(base64.b64decode(text), "RGB", fastdct=True, fastupsample=True)
    np.multiply(picture.transpose(2, 0, 1), SCALE, out=out)


def decoded(texts):
    pictures = np.empty((len(texts), 3, SIDE, SIDE), np.float32)
    for text, out in zip(texts, pictures, strict=True):
        decode(text, out)
    return pictures


def answers(probabilities):
    """What feria answers for each picture, but for the top five."""
    return [
        {"label": LABELS[best], "confidence": float(row[best])}
        for row, best in zip(probabilities, probabilities.argmax(axis=1), strict=True)
    ]
