"""Distances on the sphere with the Earth's mean radius. Degrees in, metres out."""

from __future__ import annotations

from math import asin, cos, degrees, pi, radians, sin, sqrt

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

RADIUS = 6371008.8
"""Mean radius R1 of WGS 84, metres."""

_STEP = 0.05
"""Degrees: an edge that is straight in degrees is off the great circle; over 5 km by less than half a metre."""
_PIECES = 5000


def haversine(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Great-circle distance of two positions."""
    phi1, phi2 = radians(lat1), radians(lat2)
    half = sin((phi2 - phi1) / 2) ** 2 + cos(phi1) * cos(phi2) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * RADIUS * asin(min(1.0, sqrt(half)))


class Plane:
    """Azimuthal equidistant projection around a position: true in distance from the centre, and to 1 in 20,000 between
    any two places within 100 km of it."""

    __slots__ = ("_cos", "_lon", "_sin")

    def __init__(self, lon: float, lat: float) -> None:
        self._lon = radians(lon)
        self._sin, self._cos = sin(radians(lat)), cos(radians(lat))

    def project(self, shape: BaseGeometry) -> BaseGeometry:
        """The shape in metres. Long edges are divided first, for they stay straight in degrees (RFC 7946, 3.1.1)."""
        fine = shapely.segmentize(shape, max(_STEP, shape.length / _PIECES)) if shape.length > _STEP else shape
        projected: BaseGeometry = shapely.transform(fine, self._metres)
        return projected

    def _metres(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lon, lat = np.radians(positions[:, 0]) - self._lon, np.radians(positions[:, 1])
        east = np.cos(lat) * np.sin(lon)
        north = self._cos * np.sin(lat) - self._sin * np.cos(lat) * np.cos(lon)
        ahead = self._sin * np.sin(lat) + self._cos * np.cos(lat) * np.cos(lon)
        away = np.hypot(east, north)
        angle = np.arctan2(away, ahead)
        # At the centre itself both are nought, and the scale is 1.
        scale = RADIUS * np.divide(angle, away, out=np.ones_like(away), where=away > 0)
        return np.column_stack((east * scale, north * scale))


def widened(bounds: tuple[float, float, float, float], metres: float) -> tuple[float, float, float, float]:
    """A box in degrees that holds every place within so many metres of a box. Over a pole or the antimeridian it
    takes in all longitudes."""
    west, south, east, north = bounds
    angle = metres / RADIUS * (1 + 1e-9)
    low, high = south - degrees(angle), north + degrees(angle)
    if low <= -90 or high >= 90 or angle >= pi / 2:
        return (-180.0, max(low, -90.0), 180.0, min(high, 90.0))
    reach = degrees(asin(min(1.0, sin(angle) / cos(radians(max(abs(south), abs(north)))))))
    if west - reach < -180 or east + reach > 180:
        return (-180.0, low, 180.0, high)
    return (west - reach, low, east + reach, high)
