"""What tables and their summaries say themselves, in the languages of the gate.

English headings and values are those of the columns, in the modules of the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["SENTENCES", "TABLE_WORDS", "say"]

_CHINESE_TABLE = {
    "photo": "照片",
    "verdict": "结论",
    "accept": "通过",
    "review": "待查看",
    "reject": "不通过",
    "quality": "质量",
    "weighted": "加权",
    "sharp": "清晰度",
    "noise": "噪点",
    "expos": "曝光",
    "color": "色彩",
    "compo": "构图",
    "rules": "规则",
    "ms": "毫秒",
    "rank": "名次",
    "note": "备注",
    "best": "最佳",
    "as good": "相当",
    "outcome": "结果",
    "fixed": "已改善",
    "nothing_kept": "未保留",
    "nothing_to_do": "无需处理",
    "gain": "提高",
    "s": "秒",
    "yes": "是",
    "no": "否",
    "attribute": "属性",
    "sharpness": "清晰度",
    "exposure": "曝光",
    "composition": "构图",
    "points": "分数",
    "lost there": "该处失分",
    "looks": "现象",
    "blurred": "模糊",
    "noisy": "噪点",
    "dark": "太暗",
    "bright": "太亮",
    "warm": "偏暖",
    "cool": "偏冷",
    "place in pixels": "位置（像素）",
    "runs": "次数",
}

TABLE_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": {}, "zh": _CHINESE_TABLE})
"""Headings and values of tables by the English ones, a language each; what is missing stays English."""

_ENGLISH = {
    "gate": "{accept} accepted, {review} to review, {reject} rejected, {failed} failed",
    "policy": "{summary} (policy {policy}{packs})",
    "pack": ", {title} rules of {date}",
    "report": "{summary}; wrote {path}, {size} MB",
    "best": "{ranked} ranked, {failed} failed",
    "best_of_views": "{ranked} ranked, {copies} near-duplicates, {failed} failed",
    "identical_to": "same file as {path}",
    "duplicate_of": "near-duplicate of {path}",
    "fix": "{fixed} fixed, {nothing_kept} without a fix worth keeping, {nothing_to_do} with nothing to do, {retake} to "
    "take again, {failed} failed",
    "retake": "retake: the photo is not sharp, and no program brings back lost focus.",
    "written": "written to {path}",
    "note": "note: {note}",
    "explain": "{explained} explained, {failed} failed",
    "pictures": ", pictures in {path}",
    "place": "{start} to {end}",
    "unfinished": "unfinished: time was up; try --budget-ms {ms}",
}

_CHINESE = {
    "gate": "通过 {accept} 张，待查看 {review} 张，不通过 {reject} 张，失败 {failed} 张",
    "policy": "{summary}（策略 {policy}{packs}）",
    "pack": "，{title} 规则（{date}）",
    "report": "{summary}；已写入 {path}，{size} MB",
    "best": "已排名 {ranked} 张，失败 {failed} 张",
    "best_of_views": "已排名 {ranked} 张，其中近似重复 {copies} 张，失败 {failed} 张",
    "identical_to": "与 {path} 为同一文件",
    "duplicate_of": "与 {path} 近似重复",
    "fix": "已改善 {fixed} 张，改动不值得保留 {nothing_kept} 张，无需处理 {nothing_to_do} 张，需重拍 {retake} 张，"
    "失败 {failed} 张",
    "retake": "请重拍：照片不清晰，任何程序都无法恢复失去的对焦。",
    "written": "已写入 {path}",
    "note": "注意：{note}",
    "explain": "已分析 {explained} 张，失败 {failed} 张",
    "pictures": "，图片在 {path}",
    "place": "{start} 至 {end}",
    "unfinished": "未完成：时间已到；请试 --budget-ms {ms}",
}

SENTENCES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "zh": _CHINESE})
"""Sentences with ``{names}``, a language each; every language has them all."""


def say(language: str, key: str, **values: Any) -> str:
    """A sentence with ``values`` in place of its ``{names}``."""
    return SENTENCES[language][key].format(**values)
