"""A ceramic mug on a paper sweep, ray-marched with numpy: a product photo that belongs to nobody else.

The scene is a signed distance field (one unit is about a decimetre: the mug is one unit wide). Rays are sphere
traced, the key light is a softbox whose penumbra comes from the field itself, and the glaze mirrors the softbox by
Schlick's approximation of the Fresnel term (C. Schlick, "An Inexpensive BRDF Model", 1994).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["Camera", "render_mug"]

Array = NDArray[np.float32]

OUTER_RADIUS = 0.50
WALL = 0.045
MUG_HEIGHT = 1.06
HANDLE_CENTER = (0.53, 0.55)
HANDLE_RADIUS = 0.29
HANDLE_THICKNESS = 0.062
COFFEE_LEVEL = 0.97

SUPERSAMPLING = 2
MAX_STEPS = 90
FAR = 12.0

KEY_LIGHT = np.array([-0.62, 0.66, 0.42], np.float32)  # towards the softbox: high, on the left, in front
KEY_COLOR = np.array([1.00, 0.97, 0.92], np.float32)
SKY_COLOR = np.array([0.82, 0.88, 1.00], np.float32)
GLAZE = np.array([0.86, 0.84, 0.79], np.float32)
BAND = np.array([0.055, 0.16, 0.24], np.float32)
PAPER = np.array([0.80, 0.78, 0.75], np.float32)
COFFEE = np.array([0.055, 0.026, 0.012], np.float32)


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and what it looks at, in scene units; ``focal`` is relative to half the height."""

    position: tuple[float, float, float] = (0.55, 1.75, 3.9)
    target: tuple[float, float, float] = (0.10, 0.46, 0.0)
    focal: float = 4.3


def render_mug(camera: Camera, width_px: int = 720, height_px: int = 540, seed: int = 7) -> NDArray[np.uint8]:
    """Renders the mug as the given camera sees it.

    Args:
        camera: position, target and focal length.
        width_px: width of the picture.
        height_px: height of the picture.
        seed: of the sensor noise and of the paper's grain.

    Returns:
        RGB uint8 (height_px, width_px, 3) in sRGB.
    """
    origin, directions = _build_rays(camera, width_px * SUPERSAMPLING, height_px * SUPERSAMPLING)
    radiance = _shade(origin, directions, np.random.default_rng(seed))
    radiance = radiance.reshape(height_px, SUPERSAMPLING, width_px, SUPERSAMPLING, 3).mean(axis=(1, 3))
    return _develop(radiance, np.random.default_rng(seed + 1))


def _build_rays(camera: Camera, width_px: int, height_px: int) -> tuple[Array, Array]:
    origin = np.array(camera.position, np.float32)
    forward = _normalize(np.array(camera.target, np.float32) - origin)
    right = _normalize(np.cross(forward, np.array([0, 1, 0], np.float32)))
    up = np.cross(right, forward)
    x = (np.arange(width_px, dtype=np.float32) + 0.5) * 2 / height_px - width_px / height_px
    y = 1 - (np.arange(height_px, dtype=np.float32) + 0.5) * 2 / height_px
    grid_x, grid_y = np.meshgrid(x, y)
    directions = grid_x[..., None] * right + grid_y[..., None] * up + camera.focal * forward
    return origin, _normalize(directions.reshape(-1, 3).astype(np.float32))


def _normalize(vectors: NDArray[np.float32]) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _distance_to_mug(points: Array) -> Array:
    """Signed distance to body, handle and coffee; a bound, never too large."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    radius = np.hypot(x, z)
    # The foot is a little narrower than the lip.
    taper = OUTER_RADIUS - 0.035 * np.square(np.clip(1 - y / 0.28, 0, 1))
    wall = _box_2d(radius - (taper - WALL / 2), y - MUG_HEIGHT / 2, WALL / 2, MUG_HEIGHT / 2, WALL * 0.48)
    floor = _box_2d(radius, y - 0.05, OUTER_RADIUS - 0.06, 0.035, 0.02)
    body = np.minimum(wall, floor)
    # An ellipse of a torus, open towards the body; what would reach inside the mug is cut away.
    handle_x, handle_y = x - HANDLE_CENTER[0], (y - HANDLE_CENTER[1]) * 0.86
    ring = np.hypot(handle_x, handle_y) - HANDLE_RADIUS
    handle = np.hypot(ring, z * 0.72) - HANDLE_THICKNESS
    handle = np.maximum(handle, (OUTER_RADIUS - WALL) - radius)
    blend = np.clip(0.5 + 0.5 * (handle - body) / 0.05, 0, 1)
    ceramic = handle + (body - handle) * blend - 0.05 * blend * (1 - blend)
    coffee = np.maximum(np.maximum(y - COFFEE_LEVEL, COFFEE_LEVEL - 0.06 - y), radius - (OUTER_RADIUS - WALL * 0.5))
    distance: Array = np.minimum(ceramic, coffee).astype(np.float32)
    return distance


def _box_2d(x: Array, y: Array, half_width: float, half_height: float, rounding: float) -> Array:
    dx = np.abs(x) - (half_width - rounding)
    dy = np.abs(y) - (half_height - rounding)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    distance = outside + np.minimum(np.maximum(dx, dy), 0) - rounding
    return distance.astype(np.float32, copy=False)


def _march(origins: Array, directions: Array, start: float = 0.0, limit: float = FAR) -> tuple[Array, Array]:
    """Sphere traces the mug.

    Returns:
        The distance travelled (``limit`` where nothing was hit) and the smallest ratio of free room to distance, the
        measure of a soft shadow.
    """
    travelled = np.full(len(directions), start, np.float32)
    clearance = np.full(len(directions), np.inf, np.float32)
    active = np.flatnonzero(_meets_bounds(origins, directions))
    hit = np.zeros(len(directions), bool)
    for _ in range(MAX_STEPS):
        if not len(active):
            break
        base = origins if origins.ndim == 1 else origins[active]
        gap = _distance_to_mug(base + travelled[active, None] * directions[active])
        clearance[active] = np.minimum(clearance[active], gap / np.maximum(travelled[active], 1e-3))
        hit[active] = gap < 4e-4
        travelled[active] += np.maximum(gap * 0.9, 2e-4)
        active = active[(gap >= 4e-4) & (travelled[active] < limit)]
    travelled[~hit] = limit
    clearance[hit & (travelled < limit)] = 0
    return travelled, clearance


def _meets_bounds(origins: Array, directions: Array) -> NDArray[np.bool_]:
    """Whether a ray comes near the mug at all: most do not, and need no marching."""
    towards = np.array([0.15, 0.53, 0.0], np.float32) - origins
    along = np.maximum(np.sum(towards * directions, axis=-1), 0)
    nearest = along[:, None] * directions - towards
    meets: NDArray[np.bool_] = np.sum(nearest * nearest, axis=-1) < 1.15**2
    return meets


def _normals(points: Array) -> Array:
    step = 1.5e-3
    tetrahedron = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    total = np.zeros_like(points)
    for corner in tetrahedron:
        total += corner * _distance_to_mug(points + corner * step)[:, None]
    return _normalize(total)


def _shade(origin: Array, directions: Array, rng: np.random.Generator) -> Array:
    to_mug, _ = _march(origin, directions)
    down = np.minimum(directions[:, 1], -1e-4)
    to_paper = np.minimum(-origin[1] / down, FAR * 4)
    on_mug = (to_mug < FAR) & (to_mug < to_paper)
    radiance = _shade_paper((origin + to_paper[:, None] * directions).astype(np.float32), rng)
    points = origin + to_mug[on_mug, None] * directions[on_mug]
    radiance[on_mug] = _shade_mug(points, directions[on_mug])
    return radiance


def _shade_paper(points: Array, rng: np.random.Generator) -> Array:
    light = _normalize(KEY_LIGHT)
    near = np.flatnonzero(np.hypot(points[:, 0], points[:, 2]) < 4.5)
    shadow = np.ones(len(points), np.float32)
    occlusion = np.ones(len(points), np.float32)
    lifted = points[near] + np.array([0, 3e-3, 0], np.float32)
    _, clearance = _march(lifted, np.broadcast_to(light, lifted.shape).astype(np.float32), start=0.01, limit=4.0)
    shadow[near] = _soften(clearance, 5.0)
    for height, weight in ((0.05, 0.30), (0.14, 0.26), (0.32, 0.20)):
        gap = _distance_to_mug(lifted + np.array([0, height, 0], np.float32))
        occlusion[near] -= weight * np.clip(1 - gap / height, 0, 1)
    # The sweep rises behind the mug and leaves the softbox: it falls off into a grey.
    fall_off = 0.62 + 0.38 / (1 + np.square(np.maximum(-points[:, 2] - 0.6, 0) / 3.2))
    side = 1 / (1 + np.square((np.clip(points[:, 0], -2.5, 2.5) + 0.9) / 6.5))
    grain = 1 + 0.008 * rng.standard_normal(len(points), np.float32)
    key = (0.86 * shadow * light[1] / 0.66)[:, None] * KEY_COLOR
    sky = (0.34 * np.clip(occlusion, 0.15, 1))[:, None] * SKY_COLOR
    radiance: Array = (PAPER * (key + sky) * (fall_off * side * grain)[:, None]).astype(np.float32)
    return radiance


def _soften(clearance: Array, hardness: float) -> Array:
    lit = np.clip(clearance * hardness, 0, 1)
    smooth: Array = (lit * lit * (3 - 2 * lit)).astype(np.float32)
    return smooth


def _shade_mug(points: Array, directions: Array) -> Array:
    normals = _normals(points)
    light = _normalize(KEY_LIGHT)
    lifted = points + normals * 4e-3
    _, clearance = _march(lifted, np.broadcast_to(light, points.shape).astype(np.float32), start=0.01, limit=3.0)
    facing = np.clip(normals @ light * 0.92 + 0.08, 0, 1)
    key = 0.95 * facing * _soften(clearance, 7.0)
    occlusion = np.ones(len(points), np.float32)
    for reach, weight in ((0.06, 0.35), (0.18, 0.30), (0.4, 0.25)):
        occlusion -= weight * np.clip(1 - _distance_to_mug(points + normals * reach) / reach, 0, 1)
    occlusion = np.clip(occlusion, 0.08, 1)
    sky = 0.30 * occlusion * (0.55 + 0.45 * normals[:, 1])
    bounce = 0.20 * occlusion * np.clip(0.55 - 0.45 * normals[:, 1], 0, 1) * np.clip(1.1 - points[:, 1], 0.2, 1)
    albedo = _albedo(points, normals)
    diffuse = albedo * (key[:, None] * KEY_COLOR + sky[:, None] * SKY_COLOR + bounce[:, None] * PAPER)
    mirrored = directions - 2 * np.sum(directions * normals, axis=-1, keepdims=True) * normals
    cosine = np.clip(-np.sum(directions * normals, axis=-1), 0, 1)
    fresnel = 0.04 + 0.96 * (1 - cosine) ** 5
    radiance: Array = diffuse + (fresnel * (0.35 + 0.65 * occlusion))[:, None] * _studio(mirrored)
    return radiance.astype(np.float32)


def _albedo(points: Array, normals: Array) -> Array:
    radius = np.hypot(points[:, 0], points[:, 2])
    is_coffee = (
        (radius < OUTER_RADIUS - WALL * 0.9) & (np.abs(points[:, 1] - COFFEE_LEVEL) < 0.004) & (normals[:, 1] > 0.9)
    )
    outside = (np.abs(radius - OUTER_RADIUS) < 0.006) & (points[:, 1] > 0.02)
    around = np.arctan2(points[:, 0], points[:, 2])  # 0 faces the camera
    print_map = _print()
    height_px, width_px = print_map.shape
    column = ((around / np.pi + 1) / 2 * (width_px - 1)).astype(int)
    row = np.clip((1 - points[:, 1] / MUG_HEIGHT) * (height_px - 1), 0, height_px - 1).astype(int)
    ink = np.where(outside, print_map[row, column], 0)[:, None]
    albedo = GLAZE * (1 - ink) + BAND * ink
    result: Array = np.where(is_coffee[:, None], COFFEE, albedo).astype(np.float32)
    return result


def _print() -> Array:
    """The decoration on the outside, unrolled: two bands, a row of leaves and fine lines; ink 0-1 (1060, 3142)."""
    width_px, height_px = 3142, 1060
    canvas = Image.new("L", (width_px, height_px), 0)
    draw = ImageDraw.Draw(canvas)
    for top, bottom in ((150, 158), (176, 232), (250, 258), (726, 734), (750, 790), (806, 814)):
        draw.rectangle((0, top, width_px, bottom), fill=235)
    count = 26
    for index in range(count):
        center = (index + 0.5) * width_px / count
        draw.line((center, 350, center, 690), fill=230, width=7)
        for level, (y, reach) in enumerate(((390, 34), (455, 46), (520, 52), (585, 46), (645, 34))):
            for side in (-1, 1):
                leaf = [
                    (center + side * reach * t, y - 62 * t + bend * 16 * np.sin(np.pi * t))
                    for bend, steps in ((-1, np.linspace(0, 1, 9)), (1, np.linspace(1, 0, 9)))
                    for t in steps
                ]
                draw.polygon(leaf, fill=225 if level % 2 else 160)
        draw.ellipse((center - 9, 318, center + 9, 336), fill=235)
    return np.asarray(canvas, np.float32) / np.float32(255)


def _studio(directions: Array) -> Array:
    """What the glaze mirrors: a softbox on the left, a strip on the right, a grey room, bright paper below."""
    azimuth = np.arctan2(directions[:, 0], directions[:, 2])
    height = directions[:, 1]
    softbox = _edge(azimuth, -1.25, -0.62, 0.05) * _edge(height, 0.10, 0.78, 0.05)
    strip = _edge(azimuth, 1.15, 1.42, 0.05) * _edge(height, -0.05, 0.70, 0.06)
    room = 0.16 + 0.22 * np.clip(height, 0, 1)
    below = 0.62 * np.clip(-height * 2.2, 0, 1)
    level = (room + below)[:, None] * SKY_COLOR + (6.0 * softbox + 1.6 * strip)[:, None] * KEY_COLOR
    studio: Array = level.astype(np.float32)
    return studio


def _edge(values: Array, low: float, high: float, softness: float) -> Array:
    rise = 0.5 + 0.5 * np.tanh((values - low) / softness * 2)
    fall = 0.5 + 0.5 * np.tanh((high - values) / softness * 2)
    inside: Array = (rise * fall).astype(np.float32)
    return inside


def _develop(radiance: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens and sensor: a slight vignette, shot noise, a shoulder in the highlights, the sRGB curve."""
    height_px, width_px = radiance.shape[:2]
    y, x = np.mgrid[-1 : 1 : height_px * 1j, -1 : 1 : width_px * 1j]
    exposed = radiance * (1 - 0.07 * (x * x + y * y))[..., None] * 1.16
    exposed = exposed + rng.normal(0, 1, exposed.shape) * np.sqrt(np.maximum(exposed, 0) * 1.2e-4 + 2e-6)
    shoulder = np.where(exposed > 0.7, 0.7 + 0.3 * np.tanh((exposed - 0.7) / 0.3), np.maximum(exposed, 0))
    srgb = np.where(shoulder <= 0.0031308, 12.92 * shoulder, 1.055 * np.maximum(shoulder, 1e-8) ** (1 / 2.4) - 0.055)
    return np.clip(srgb * 255 + 0.5, 0, 255).astype(np.uint8)
