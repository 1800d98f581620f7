"""Every exception that this project raises on purpose, in one tree.

```
StreamingError
├── SettingsError        a setting is out of range, of the wrong type, or contradicts another
├── ModelError           a model cannot be used
│   ├── ModelNotFound      no such folder, repository or revision
│   ├── ModelGated         the repository asks for a licence or a token
│   ├── ModelUnsafe        no safetensors, or code of its own
│   ├── ModelDamaged       truncated or inconsistent files
│   ├── ModelTooLarge      larger than the memory there is
│   ├── ModelUnsupported   of a family, or with an option, that cannot stream exactly
│   └── HubUnreachable     the Hub does not answer
├── ServerBusy           there is no room for one more run, or the server is restarting
├── StreamError          a stream cannot go on: closed, or past what its model can do
└── RecordingError       a recording is damaged, truncated, or of another version
```

A message says what is wrong and what to do about it; it is fit to be shown to a visitor.
"""

from __future__ import annotations

__all__ = [
    "HubUnreachable",
    "ModelDamaged",
    "ModelError",
    "ModelGated",
    "ModelNotFound",
    "ModelTooLarge",
    "ModelUnsafe",
    "ModelUnsupported",
    "RecordingError",
    "ServerBusy",
    "SettingsError",
    "StreamError",
    "StreamingError",
]


class StreamingError(Exception):
    """Root of the tree: catch it to catch whatever this project raises on purpose."""


class SettingsError(StreamingError, ValueError):
    """A setting is out of range, of the wrong type, or contradicts another one."""


class ModelError(StreamingError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """There is no such folder, repository or revision."""


class ModelGated(ModelError):
    """The repository asks for a licence to be accepted, or for a token."""


class ModelUnsafe(ModelError):
    """The checkpoint has no safetensors, or wants to run code of its own."""


class ModelDamaged(ModelError):
    """The checkpoint's files are truncated, inconsistent or incomplete."""


class ModelTooLarge(ModelError):
    """The checkpoint does not fit into the memory there is."""


class ModelUnsupported(ModelError):
    """The family, or an option of its configuration, cannot be streamed exactly."""


class HubUnreachable(ModelError):
    """The Hub does not answer, and the model is not in the local cache."""


class ServerBusy(StreamingError):
    """There is no room for one more run at the moment, or the server is about to restart."""


class StreamError(StreamingError, RuntimeError):
    """A stream cannot go on: it is closed, or past what its model can do."""


class RecordingError(StreamingError, ValueError):
    """A recording is damaged, truncated, or of a version that this code does not know."""
