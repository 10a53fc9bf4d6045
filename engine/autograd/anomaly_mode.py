"""Anomaly mode as a user turns it on."""

from __future__ import annotations

import warnings

from ..anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled


class detect_anomaly:
    """Inside, nodes remember where they were recorded, and NaN in a backward is an error unless `check_nan` is False."""

    def __init__(self, check_nan: bool = True) -> None:
        self.prev, self.check_nan, self.prev_check_nan = is_anomaly_enabled(), check_nan, is_anomaly_check_nan_enabled()
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)


class set_detect_anomaly:
    """The same as a function, which acts at once, and as a context, which goes back at its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev, self.prev_check_nan = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        set_anomaly_enabled(self.prev, self.prev_check_nan)


__all__ = ["detect_anomaly", "set_detect_anomaly"]
