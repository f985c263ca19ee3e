#!/usr/bin/env python3
"""Calculates every number of a report again, from labels.csv, cells.csv and round.json alone, and compares it with what
shares.csv, contrasts.csv, agreement.csv, consistency.csv and outcomes.csv say, and with what report.html shows of them.

    python3 recompute.py [folder]

Exits with 0 if all numbers are the same, with 1 if one differs, which it names, and with 2 if the folder cannot be read.
It needs Python 3.8 or later and nothing else, and shares no code with the program that wrote the report.
"""

import csv
import hashlib
import json
import math
import re
import sys
from collections import defaultdict
from html.parser import HTMLParser
from itertools import combinations, product
from pathlib import Path
from statistics import NormalDist

csv.field_size_limit(2**31 - 1)
TOLERANCE = 1e-6
MOST_VALUES = 10
DRAWS = 1000

# Reading


def table(folder, name):
    with open(folder / name, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# Distributions


def z_of(level):
    return NormalDist().inv_cdf((1 + level) / 2)


def incomplete_beta(a, b, x):
    """The regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / max(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 1000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * value


_t = {}


def t_of(level, df):
    """Student's quantile of a two-sided interval, by bisection."""
    if (level, df) not in _t:
        low, high = 0.0, 1.0
        outside = lambda t: incomplete_beta(df / 2, 0.5, df / (df + t * t))
        while outside(high) > 1 - level:
            high *= 2
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if outside(middle) > 1 - level else (low, middle)
        _t[level, df] = (low + high) / 2
    return _t[level, df]


# Shares


def wilson(count, n, level):
    """All shares from which the one that was found is less than z standard errors away: the bounds, by bisection."""
    z, p = z_of(level), count / n
    is_in = lambda share: (p - share) ** 2 <= z * z * share * (1 - share) / n

    def bound(inside, outside):
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_in(middle) else (inside, middle)
        return inside

    return p, bound(p, 0.0) if count > 0 else 0.0, bound(p, 1.0) if count < n else 1.0


def is_too_few(n):
    if n <= 0:
        return True
    _, low, high = wilson(n / 2, n, 0.95)
    return (high - low) / 2 > 0.25


def observations(units, fill):
    """(pair, seed, value, weight, unit); fill: None leaves out what is not known, 0 and 1 count it as without or with."""
    found = []
    for unit in units:
        known = unit["with"] + unit["without"]
        rest = unit["unclear"] + unit["missing"]
        weight = known if fill is None else known + rest
        if weight > 0:
            shown = unit["with"] + (rest if fill == 1 else 0)
            found.append((unit["pair"], unit["seed"], shown / weight, weight, unit))
    return found


def measure(seen, level=0.95):
    """The share of one pair, or the mean of several, and an interval that takes pictures with one seed together."""
    if not seen:
        return None
    sizes = defaultdict(float)
    for pair, _, _, weight, _ in seen:
        sizes[pair] += weight
    n = sum(sizes.values())
    seeds = len({seed for _, seed, _, _, _ in seen})
    if len(sizes) == 1:
        share, low, high = wilson(sum(value * weight for _, _, value, weight, _ in seen), n, level)
        effective = n
    else:
        parts = [(seed, value, weight / len(sizes) / sizes[pair]) for pair, seed, value, weight, _ in seen]
        share = min(1.0, max(0.0, sum(value * weight for _, value, weight in parts)))
        if seeds < 2:
            low, high, effective = 0.0, 1.0, 0.0
        else:
            deviations = defaultdict(float)
            for seed, value, weight in parts:
                deviations[seed] += weight * (value - share)
            variance = seeds / (seeds - 1) * sum(value**2 for value in deviations.values())
            alone = share * (1 - share) / variance if variance > 0 else n
            effective = min(n, max(min(seeds, n), alone)) * (z_of(level) / t_of(level, seeds - 1)) ** 2
            _, low, high = wilson(share * effective, effective, level)
    return {"share": share, "low": low, "high": high, "n": n, "pairs": len(sizes), "seeds": seeds, "effective": effective}


def mean_of_pairs(units, part, whole):
    sums = defaultdict(lambda: [0.0, 0.0])
    for unit in units:
        sums[unit["pair"]][0] += part(unit)
        sums[unit["pair"]][1] += whole(unit)
    shares = [a / b for a, b in sums.values() if b > 0]
    return sum(shares) / len(shares) if shares else None


# Differences


def hybrid(one, other, correlation=0.0):
    (p, l1, u1), (q, l2, u2) = one, other
    add = lambda a, b: math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))
    return p - q, max(-1.0, p - q - add(p - l1, u2 - q)), min(1.0, p - q + add(u1 - p, q - l2))


def compare(one, other, stratum_of, may_differ, level, fill=(None, None)):
    every = observations(one, fill[0]), observations(other, fill[1])
    stratum = lambda seen: stratum_of(seen[0])
    shared = set(map(stratum, every[0])) & set(map(stratum, every[1]))
    a, b = ([seen for seen in side if stratum(seen) in shared] for side in every)
    if may_differ and not shared:
        a, b = every
    if not a or not b:
        return None
    by_seed = [defaultdict(list), defaultdict(list)]
    for side, groups in zip((a, b), by_seed):
        for seen in side:
            if seen[4]["partner"] is not None:
                groups[stratum(seen), seen[4]["partner"]].append(seen)
    keys = [key for key in by_seed[0] if key in by_seed[1]]
    matched = [[seen for key in keys for seen in groups[key]] for groups in by_seed]
    if len(keys) > 1 and any(2 * len(some) >= len(side) for some, side in zip(matched, (a, b))):
        value = lambda seen: sum(one[2] for one in seen) / len(seen)
        partners = {key: tuple(value(groups[key]) for groups in by_seed) for key in keys}
        # Pictures that a pair stands for: what both sides refused counts in proportion, if a part is rated.
        weights = {key: max(seen[3] for groups in by_seed for seen in groups[key]) for key in keys}
        return compare_partners(partners, weights, any(map(has_too_few, matched)), level)
    m, n = measure(a, level), measure(b, level)
    difference, low, high = hybrid((m["share"], m["low"], m["high"]), (n["share"], n["low"], n["high"]))
    few = has_too_few(a) or has_too_few(b)
    return result("independent", m["n"], n["n"], difference, low, high, None, level, few)


def has_too_few(seen):
    return is_too_few(measure(seen)["effective"])


def compare_partners(partners, weights, few, level):
    n = sum(weights.values())
    if len({stratum for stratum, _ in partners}) == 1 and all(x in (0, 1) for pair in partners.values() for x in pair):
        count = lambda pair: sum(weights[key] for key in partners if partners[key] == pair)
        both, only_one, only_other, neither = map(count, ((1, 1), (1, 0), (0, 1), (0, 0)))
        margins = (both + only_one) * (only_other + neither) * (both + only_other) * (only_one + neither)
        product = both * neither - only_one * only_other
        corrected = max(0, product - n / 2) if product > 0 else product
        correlation = corrected / math.sqrt(margins) if margins else 0.0
        found = hybrid(wilson(both + only_one, n, level), wilson(both + only_other, n, level), correlation)
        # How likely so few of the pairs that differ are, if each is a coin; the counts need not be whole.
        fewer, more = sorted((only_one, only_other))
        p = min(1.0, 2 * incomplete_beta(more, fewer + 1, 0.5)) if more > 0 else 1.0
        return result("paired", n, n, *found, p, level, few)
    strata = defaultdict(float)
    for (stratum, _), weight in weights.items():
        strata[stratum] += weight
    part = lambda key: weights[key] / len(strata) / strata[key[0]]
    difference = sum(part(key) * (x - y) for key, (x, y) in partners.items())
    seeds = defaultdict(float)
    for key, (x, y) in partners.items():
        seeds[key[1]] += part(key) * (x - y - difference)
    means = [difference + len(seeds) * value for value in seeds.values()]
    added = math.sqrt(len(means) / n)
    every = means + [added, -added]
    center = sum(every) / len(every)
    variance = sum((value - center) ** 2 for value in every) / (len(every) - 1)
    half = t_of(level, len(every) - 1) * math.sqrt(variance / len(every))
    low, high = max(-1.0, min(difference, center - half)), min(1.0, max(difference, center + half))
    return result("by seed", n, n, difference, low, high, None, level, few)


def result(method, n_one, n_other, difference, low, high, p, level, too_few):
    certain = not too_few and (low > 0 or high < 0) and (p is None or p <= 1 - level)
    names = ("method", "n_one", "n_other", "difference", "low", "high", "p", "certain", "too_few")
    return dict(zip(names, (method, n_one, n_other, difference, low, high, p, certain, too_few)))


def survives(arms, level):
    found = compare(*arms, level)
    if not found or not found["certain"]:
        return False
    more = found["difference"] > 0
    worst = compare(*arms, level, (0, 1) if more else (1, 0))
    return bool(worst and worst["certain"] and (worst["difference"] > 0) == more)


# Agreement


def alpha_of(counts, scale):
    """Krippendorff's alpha of how often each two codes meet."""
    totals = defaultdict(float)
    for (one, _), count in counts.items():
        totals[one] += count
    ranks, n = {}, 0.0
    for code in sorted(totals):
        ranks[code] = n + totals[code] / 2
        n += totals[code]
    distance = lambda a, b: 0 if a == b else 1 if scale == "nominal" else (ranks[a] - ranks[b]) ** 2
    observed = sum(count * distance(*pair) for pair, count in counts.items())
    expected = sum(totals[a] * totals[b] * distance(a, b) for a in totals for b in totals)
    return 1 - observed * (n - 1) / expected if expected > 0 else None


def random_numbers(state):
    """mulberry32"""
    mask = 0xFFFFFFFF
    state &= mask
    while True:
        state = (state + 0x6D2B79F5) & mask
        mixed = ((state ^ (state >> 15)) * (state | 1)) & mask
        mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & mask)) & mask
        yield ((mixed ^ (mixed >> 14)) & mask) / 2**32


def agreement(groups, scale, start):
    """groups: for each seed, in their order, the ratings of its pictures."""
    sums, units = [], [codes for group in groups for codes in group]
    for group in groups:
        counts = defaultdict(float)
        for codes in group:
            for i, one in enumerate(codes):
                for j, other in enumerate(codes):
                    if i != j:
                        counts[one, other] += 1 / (len(codes) - 1)
        sums.append(counts)
    total = defaultdict(float)
    for counts in sums:
        for pair, count in counts.items():
            total[pair] += count
    value = alpha_of(total, scale)
    percents = []
    for codes in units:
        pairs = list(combinations(codes, 2))
        percents.append(sum(a == b for a, b in pairs) / len(pairs))
    low = high = None
    if value is not None and len(groups) > 1:
        drawn, numbers = [], random_numbers(start)
        for _ in range(DRAWS):
            counts = defaultdict(float)
            for _ in sums:
                for pair, count in sums[int(next(numbers) * len(sums))].items():
                    counts[pair] += count
            one = alpha_of(counts, scale)
            if one is not None:
                drawn.append(one)
        drawn.sort()
        at = lambda share: drawn[min(len(drawn) - 1, max(0, math.ceil(share * len(drawn)) - 1))]
        low, high = (at(0.025), at(0.975)) if drawn else (None, None)
    return {
        "pictures": len(units),
        "ratings": sum(map(len, units)),
        "alpha": value,
        "low": low,
        "high": high,
        "percent": sum(percents) / len(percents) if percents else None,
    }


# The round


class Round:
    def __init__(self, folder):
        facts = json.loads((folder / "round.json").read_text("utf-8"))
        self.plan, self.questions = facts["round"], facts["codebook"]["questions"]
        self.read_labels(table(folder, "labels.csv"))
        self.read_cells(table(folder, "cells.csv"))

    def read_labels(self, rows):
        self.first, self.second = defaultdict(dict), defaultdict(dict)
        raters = set()
        for row in rows:
            sheets = self.first if row["showing"] == "1" else self.second
            raters.add(row["rater"])
            sheets[int(row["item"])].setdefault(row["rater"], {})[row["question"]] = row["answer"]
        self.raters = sorted(raters, key=lambda name: [int(part) for part in name.split(".")])

    def read_cells(self, rows):
        self.pairs, self.place, self.outcomes = [], {}, {}
        self.factors = [name[7:] for name in (rows[0] if rows else {}) if name.startswith("factor:")]
        reference = next((name for name in (rows[0] if rows else {}) if name.startswith("reference:")), None)
        self.reported, self.seed_of_item = set(), {}
        cells = {}
        for row in rows:
            cells.setdefault((row["audit"], row["cell"]), []).append(row)
        found = defaultdict(list)
        for (audit, n), images in cells.items():
            row = images[0]
            key = (row["prompt"], row["model"])
            if key not in self.place:
                self.place[key] = len(self.pairs)
                factors = {name: row["factor:" + name] for name in self.factors if row["factor:" + name] != ""}
                value = row[reference] if reference else ""
                pair = {"prompt": key[0], "model": key[1], "factors": factors}
                pair["reference"] = float(value) if value else None
                self.pairs.append(pair)
            pair = self.place[key]
            images = [image for image in images if image["index"] != ""]
            blank = [image for image in images if image["image_status"] == "ok" and image["blank"] == "true"]
            valid = [image for image in images if image["image_status"] == "ok" and image["blank"] != "true"]
            quarantined = [image for image in images if image["image_status"] == "quarantined"]
            number = lambda name, default: int(row[name]) if row[name] != "" else default
            asked, filtered = number("asked", 0), number("filtered", 0)
            returned = number("returned", len(images))
            dropped = max(0, filtered - len(blank), min(filtered, asked - returned))
            self.count(row, len(valid), len(blank), len(quarantined), len(images), dropped)
            if row["status"] not in ("succeeded", "refused"):
                continue
            # What raters saw counts as what it was when the round was made, also if it was purged since.
            valid = [image for image in images if image in valid or image["item"] != ""]
            missing = sum(image["item"] == "" for image in blank + quarantined)
            missing += dropped if row["status"] == "succeeded" else 0 if valid else 1
            parts = len(valid) + missing
            if parts == 0:
                continue
            real = row["seed"] != "" and row["seed_source"] in ("sent", "log")
            seed = row["seed"] or audit + "/" + n
            pictures = []
            for image in valid:
                item = int(image["item"]) if image["item"] != "" else None
                pictures.append((item, 1 / parts))
                if image["reported"] == "true":
                    self.reported.add(item)
            unit = {"pair": pair, "seed": seed, "partner": row["seed"] if real else None}
            unit.update(pictures=pictures, missing=missing / parts)
            marks = {image["sha256"] for image in valid if image["sha256"]} | ({"seed " + seed} if real else set())
            found[pair].append((unit, marks))
        self.units = [unit for units in found.values() for unit in merge_equal(units)]
        sums = defaultdict(lambda: [0.0, 0.0])
        for unit in self.units:
            for item, weight in unit["pictures"]:
                sums[unit["pair"]][0] += weight
                if item is not None:
                    self.seed_of_item[item] = unit["seed"]
                    sums[unit["pair"]][1] += weight if item in self.first or item in self.reported else 0
        self.parts = {pair: rated / valid for pair, (valid, rated) in sums.items() if valid > 0}

    def count(self, row, valid, blank, quarantined, images, dropped):
        names = ("asked", "succeeded", "refused", "failed", "canceled", "shown", "blank", "filtered", "quarantined", "lost")
        sums = self.outcomes.setdefault(row["model"], dict.fromkeys(names, 0))
        sums["asked"] += 1
        if row["status"] in ("succeeded", "refused", "failed", "canceled"):
            sums[row["status"]] += 1
        sums["shown"] += valid
        sums["blank"] += blank
        sums["quarantined"] += quarantined
        sums["lost"] += images - valid - blank - quarantined
        sums["filtered"] += dropped if row["status"] == "succeeded" else 0

    def said(self, question, sheet):
        given = sheet.get(question["id"])
        gate = question.get("gate")
        if given is not None or not gate:
            return given
        gating = next(one for one in self.questions if one["id"] == gate["question"])
        before = self.said(gating, sheet)
        if before in (None, "skipped", "cannot-tell", "not-applicable"):
            return before
        return None if set(before.split(" ")) & set(gate["answers"]) else "not-applicable"

    def code(self, question, answer, sheet):
        """What a rater said, as one word; answer is set for one answer of a question that takes several."""
        said = self.said(question, sheet)
        if said is None or said == "skipped":
            return None
        if said in ("cannot-tell", "not-applicable") or answer is None:
            return said
        return "yes" if answer in said.split(" ") else "no"

    def ratings(self, question, answer):
        found = {item: [] for item in self.reported}
        for item, sheets in self.first.items():
            codes = ((rater, self.code(question, answer, sheet)) for rater, sheet in sheets.items())
            found[item] = [(rater, code) for rater, code in codes if code is not None]
        return found

    def variables(self):
        for question in self.questions:
            if question["kind"] == "any":
                for answer in question["answers"]:
                    yield question, answer["id"]
            else:
                yield question, None

    def counted(self):
        """(question, answer, units, ratings, code) of everything that is counted."""
        for question, answer in self.variables():
            ratings = self.ratings(question, answer)
            codes = [("yes", answer)] if answer else [(one["id"], one["id"]) for one in question["answers"]]
            for code, name in codes:
                yield question, name, self.count_units(ratings, code), ratings, code

    def count_units(self, ratings, code):
        found = []
        for unit in self.units:
            sums = {name: unit[name] for name in ("pair", "seed", "partner")}
            sums.update(dict.fromkeys(("with", "without", "unclear", "na", "unanimous", "any", "only_any"), 0.0))
            sums["missing"] = unit["missing"] * self.parts.get(unit["pair"], 1)
            for item, weight in unit["pictures"]:
                if item not in ratings:
                    continue
                codes = [one for _, one in ratings[item]]
                most = next((one for one in codes if codes.count(one) > len(codes) / 2), None)
                kind = {None: "unclear", "cannot-tell": "unclear", "not-applicable": "na", code: "with"}.get(most, "without")
                sums[kind] += weight
                if code in codes:
                    sums["any"] += weight
                    sums["unanimous"] += weight if len(set(codes)) == 1 else 0
                    sums["only_any"] += weight if kind in ("unclear", "na") else 0
            if sums["with"] + sums["without"] + sums["unclear"] + sums["missing"] + sums["na"] > 0:
                found.append(sums)
        return found

    # What the files say

    def models(self):
        return list(dict.fromkeys(pair["model"] for pair in self.pairs))

    def groups(self):
        for place, pair in enumerate(self.pairs):
            yield ("pair", pair["prompt"], "", "", pair["model"]), {place}
        for factor in self.factors:
            values = dict.fromkeys(pair["factors"][factor] for pair in self.pairs if factor in pair["factors"])
            for value in values:
                own = {place for place, pair in enumerate(self.pairs) if pair["factors"].get(factor) == value}
                for model in self.models():
                    part = {place for place in own if self.pairs[place]["model"] == model}
                    if part:
                        yield ("factor", "", factor, value, model), part
                if len(self.models()) > 1:
                    yield ("factor", "", factor, value, ""), own
        for model in self.models():
            yield ("model", "", "", "", model), {i for i, pair in enumerate(self.pairs) if pair["model"] == model}

    def shares(self):
        items = defaultdict(list)
        for unit in self.units:
            items[unit["pair"]] += [item for item, _ in unit["pictures"] if item is not None]
        for question, answer, units, ratings, code in self.counted():
            for group, places in self.groups():
                own = [unit for unit in units if unit["pair"] in places]
                found, least, most = (measure(observations(own, fill)) for fill in (None, 0, 1))
                total = lambda name: sum(unit[name] for unit in own)
                known = lambda unit: unit["with"] + unit["without"]
                reference = self.pairs[min(places)]["reference"] if len(places) == 1 else None
                row = {name: found[name] if found else 0 for name in ("n", "pairs", "seeds")}
                row.update({name: found[name] if found else None for name in ("share", "low", "high")})
                row.update(least=least and least["share"], most=most and most["share"])
                row.update(outer_low=least and min(one["low"] for one in (least, found) if one))
                row.update(outer_high=most and max(one["high"] for one in (most, found) if one))
                row.update({name: total(name) for name in ("with", "without", "unclear", "missing")})
                row.update(not_applicable=total("na"), reference=reference)
                row["unanimous"] = mean_of_pairs(own, lambda unit: unit["unanimous"], known)
                row["any"] = mean_of_pairs(own, lambda unit: unit["any"], lambda unit: known(unit) + unit["only_any"])
                row["too_few"] = is_too_few(found["effective"] if found else 0)
                counts = {rater: [0, 0] for rater in self.raters}
                for place in places:
                    for item in items[place]:
                        for rater, said in ratings.get(item, []):
                            if said not in ("cannot-tell", "not-applicable"):
                                counts[rater][0] += said == code
                                counts[rater][1] += 1
                row["raters"] = " ".join(f"{rater}:{a}/{n}" for rater, (a, n) in counts.items() if n)
                yield (question["id"], answer, *group), row

    def arms(self, units, factor, one, other, model):
        def side(place):
            pair = self.pairs[place]
            if not factor:
                return pair["model"]
            return pair["factors"].get(factor) if model in ("", pair["model"]) else None

        def stratum(place):
            pair = self.pairs[place]
            if not factor:
                return pair["prompt"]
            rest = {name: value for name, value in pair["factors"].items() if name != factor}
            return pair["model"], tuple(sorted(rest.items()))

        both = [[unit for unit in units if side(unit["pair"]) == value] for value in (one, other)]
        return both[0], both[1], stratum, bool(factor)

    def named(self):
        for contrast in self.plan["contrasts"]:
            between, about = contrast["between"], (contrast["question"], contrast["answer"])
            if "factor" in between:
                yield (*about, between["factor"], between["one"], between["other"], "")
                continue
            called = lambda name: [one for one in self.models() if re.fullmatch(re.escape(name) + r"( \([^)]*\))?( #\d+)?", one)]
            one, other = called(between["one"]), called(between["other"])
            for sides in combinations(one, 2) if one == other else product(one, other):
                yield (*about, "", *sides, "")

    def every(self, question, answer):
        models = self.models()
        for one, other in combinations(models, 2):
            yield question, answer, "", one, other, ""
        for factor in self.factors:
            for model in models:
                values = list(
                    dict.fromkeys(
                        pair["factors"][factor]
                        for pair in self.pairs
                        if pair["model"] == model and factor in pair["factors"]
                    )
                )
                if len(values) <= MOST_VALUES:
                    for one, other in combinations(values, 2):
                        yield question, answer, factor, one, other, model if len(models) > 1 else ""

    def contrasts(self):
        units = {(question["id"], answer): units for question, answer, units, _, _ in self.counted()}
        arms_of = lambda name: self.arms(units.get(name[:2], []), *name[2:])
        unordered = lambda name: (name[:3], frozenset(name[3:5]), name[5])
        primary = list(self.named())
        known = set(map(unordered, primary))
        others = [name for about in units for name in self.every(*about) if unordered(name) not in known]
        looked = []
        for name in others:
            arms = arms_of(name)
            if not (compare(*arms, 0.95) or {"too_few": True})["too_few"]:
                looked.append((name, arms))
        left, m, level = looked, len(looked), 0.95
        while left:
            level = 1 - 0.05 * len(left) / m
            kept = [(name, arms) for name, arms in left if compare(*arms, level)["certain"]]
            if len(kept) == len(left):
                break
            left = kept
        if not left:
            level = 1 - 0.05 / m if m else 0.95
        first = 1 - 0.05 / max(1, len(primary))
        for is_primary, at, names in ((True, first, primary), (False, level, [name for name, _ in looked])):
            for name in names:
                arms = arms_of(name)
                row = compare(*arms, at) or {"too_few": True, "certain": False}
                certain = row.pop("certain")
                row.update(level=at, survives=survives(arms, at))
                row["certainty"] = "not measurable" if row["too_few"] else "certain" if certain else "not certain"
                yield (str(is_primary).lower(), *name), row

    def agreements(self):
        for place, (question, answer) in enumerate(self.variables()):
            scale = "ordinal" if question["kind"] == "scale" else "nominal"
            names = ["yes", "no"] if answer else [one["id"] for one in question["answers"]]
            order = {name: i for i, name in enumerate(names + ([] if scale == "ordinal" else ["cannot-tell"]))}
            groups = defaultdict(list)
            for item, given in sorted(self.ratings(question, answer).items()):
                codes = [order[code] for _, code in given if code in order]
                if len(codes) > 1:
                    groups[self.seed_of_item.get(item, f"item {item}")].append(codes)
            row = agreement(list(groups.values()), scale, self.plan["seed"] + place)
            said = [self.said(question, sheet) for sheets in self.first.values() for sheet in sheets.values()]
            row.update(scale=scale, said=sum(one is not None for one in said), cannot_tell=said.count("cannot-tell"))
            row.update(skipped=said.count("skipped"), not_applicable=said.count("not-applicable"))
            yield (question["id"], answer or ""), row

    def outcomes_by_model(self):
        return (((model,), row) for model, row in self.outcomes.items())

    def consistency(self):
        for question in self.questions:
            several = [one["id"] for one in question["answers"]] if question["kind"] == "any" else [None]
            for rater in self.raters:
                same = of = 0
                for item, sheets in self.second.items():
                    if rater not in sheets or rater not in self.first.get(item, {}):
                        continue
                    both = [
                        [self.code(question, answer, sheet) for answer in several]
                        for sheet in (self.first[item][rater], sheets[rater])
                    ]
                    if None not in both[0] + both[1]:
                        of += 1
                        same += both[0] == both[1]
                if of:
                    yield (question["id"], rater), {"same": same, "of": of}


def merge_equal(found):
    """Predictions of one pair with a picture or a seed in common are one."""
    groups = []
    for unit, marks in found:
        same = [group for group in groups if group[1] & marks]
        merged = ([one for group in same for one in group[0]] + [unit], marks.union(*(group[1] for group in same)))
        if same:
            groups[groups.index(same[0])] = merged
            for group in same[1:]:
                groups.remove(group)
        else:
            groups.append(merged)
    for units, _ in groups:
        count = len(units)
        pictures = [(item, weight / count) for unit in units for item, weight in unit["pictures"]]
        yield dict(units[0], pictures=pictures, missing=sum(unit["missing"] for unit in units) / count)


# Comparing


def differs(written, value):
    if value is None or isinstance(value, (bool, str)):
        return written != ("" if value is None else value if isinstance(value, str) else str(value).lower())
    try:
        return not abs(float(written) - value) <= TOLERANCE
    except ValueError:
        return True


def check(folder, file, keys, rows):
    """Names each number that differs. Returns how many were compared, and how many of these differ."""
    written, faults, compared = {}, [], 0
    for row in table(folder, file):
        key = tuple(row[name] for name in keys)
        if key in written:
            faults.append((key, "in the file twice"))
        written[key] = row
    for key in written:
        if key not in rows:
            faults.append((key, "in the file, and does not follow from the labels"))
    for key, row in rows.items():
        if key not in written:
            faults.append((key, "not in the file"))
            continue
        for column, text in written[key].items():
            if column not in keys:
                value = row.get(column)
                compared += 1
                if differs(text, value):
                    shown = "empty" if value is None else value
                    faults.append((key, f"{column} is {text or 'empty'} in the file, recomputed {shown}"))
    for key, fault in faults:
        print(f"{file}: {', '.join(part for part in key if part)}: {fault}")
    return compared, len(faults)


# The page


class Page(HTMLParser):
    """The rows and sentences of report.html that say where their numbers come from: (file, row, kind, texts)."""

    def __init__(self, folder):
        super().__init__()
        self.found, self.is_open, self.is_plot = [], False, False
        self.feed((folder / "report.html").read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "table":
            self.is_plot = attributes.get("class") == "plot"
        if tag in ("tr", "li"):
            self.is_open = "data-row" in attributes
            if self.is_open:
                file, row = attributes["data-row"].split(":")
                kind = "sentence" if tag == "li" else "plot" if self.is_plot else "table"
                self.found.append((file, int(row), kind, []))

    def handle_endtag(self, tag):
        self.is_open = self.is_open and tag not in ("tr", "li")

    def handle_data(self, data):
        if self.is_open:
            self.found[-1][3].append(data)


def rounded(value, digits=0):
    return math.floor(10**digits * value + 1e-9 + 0.5) / 10**digits


def percent(share):
    whole = int(rounded(100 * share))
    return "<1" if whole == 0 and share > 1e-9 else ">99" if whole == 100 and share < 1 - 1e-9 else str(whole)


def points(difference):
    exact = 100 * abs(difference)
    if exact < 1e-9:
        return "0"
    digits = 0 if rounded(exact) > 0 else math.ceil(-math.log10(exact))
    return ("−" if difference < 0 else "+") + f"{rounded(exact, digits):g}"


def amount(n):
    return re.sub(r"\.0$", "", f"{rounded(n, 1):,.1f}")


def pictures(n):
    return f"{amount(n)} {'picture' if rounded(n, 1) == 1 else 'pictures'}"


def thousandths(value):
    return f"{rounded(value, 3):.3f}".replace("-", "−")


def between(low, high):
    return f"{percent(low)} to {percent(high)}"


def share_texts(row, kind, key):
    share = row["share"]
    if kind == "table":
        counts = (one.split(":")[1].split("/") for one in row["raters"].split())
        all_of = [share, row["unanimous"], row["any"]] + [int(count) / int(n) for count, n in counts]
        return [f"{percent(one)} %" for one in all_of if one is not None]
    interval = None if share is None else between(row["low"], row["high"])
    if kind == "sentence":
        if share is None:
            return ["No picture", "not measurable"]
        if row["too_few"]:
            return [pictures(row["n"]), "too few", f"{amount(row['with'])} did"]
        in_percent = f"{percent(share)} %"
        if key[2] != "pair":
            said = [f"{in_percent} show"]
        else:
            said = [f"{amount(row['with'])} show"] + ([] if row["n"] == 100 else [in_percent])
        return [pictures(row["n"]), *said, f"({interval} %;"]
    words = [pictures(row["n"])]
    words += [f"{amount(row[name])} {name}" for name in ("unclear", "missing") if row[name] > 0]
    if row["unclear"] + row["missing"] > 0:
        words.append(f"with these {between(row['least'], row['most'])}\u00a0%")
    if row["unanimous"] is not None and row["any"] is not None and row["unanimous"] != row["any"]:
        words.append(f"raters {between(row['unanimous'], row['any'])}\u00a0%")
    words += [] if row["reference"] is None else [f"reference {percent(row['reference'])} %"]
    words += ["too few pictures"] if row["too_few"] else []
    return [" · ".join(words)] + (["no answer"] if share is None else [f"{percent(share)} %", interval])


def contrast_texts(row, kind, _):
    if row.get("difference") is None:
        return ["not measurable"]
    numbers = points(row["difference"]), f"{points(row['low'])} to {points(row['high'])}"
    words = [row["certainty"]]
    if kind == "sentence":
        return [f"{numbers[0]} points ({numbers[1]})", words[0].capitalize(), f"{rounded(100 * row['level'], 2):g} %"]
    words += [f"survives what is missing: {'yes' if row['survives'] else 'no'}"] if row["certainty"] == "certain" else []
    n = [pictures(row["n_one"]), pictures(row["n_other"])]
    words += [row["method"], n[0] if row["n_one"] == row["n_other"] else " and ".join(n)]
    if row["p"] is not None:
        words.append("exact p " + ("below 0.001" if row["p"] < 0.001 else thousandths(row["p"])))
    return [" · ".join(words), *numbers]


def agreement_texts(row, *_):
    texts = ["undefined" if row["alpha"] is None else thousandths(row["alpha"])]
    texts += [] if row["low"] is None else [f"{thousandths(row['low'])} to {thousandths(row['high'])}"]
    texts += [] if row["percent"] is None else [f"{percent(row['percent'])} %"]
    return texts + [f"{row[name]:,}" for name in ("pictures", "cannot_tell", "skipped")]


def counts(row, *_):
    return [f"{count:,}" for count in row.values()]


TEXTS = {
    "shares.csv": share_texts,
    "contrasts.csv": contrast_texts,
    "agreement.csv": agreement_texts,
    "consistency.csv": counts,
    "outcomes.csv": counts,
}


def check_page(folder, keys, recomputed):
    """Names each row and sentence of the page whose numbers differ. Returns as check."""
    written = {file: table(folder, file) for file in TEXTS}
    compared = wrong = 0
    for file, place, kind, texts in Page(folder).found:
        rows = written[file]
        key = tuple(rows[place][name] for name in keys[file]) if place < len(rows) else None
        if key not in recomputed[file]:
            continue
        expected = TEXTS[file](recomputed[file][key], kind, key)
        compared += len(expected)
        if kind == "sentence":
            # Whatever is between them.
            is_same = re.search(".*".join(map(re.escape, expected)), " ".join(texts), re.DOTALL)
        else:
            is_same = texts[len(texts) - len(expected) :] == expected
        if not is_same:
            wrong += 1
            print(f"report.html: {', '.join(part for part in key if part)}: recomputed {'; '.join(expected)}, and not: {' '.join(texts)}")
    return compared, wrong


def changed_files(folder):
    for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ", 1)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            yield name


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    try:
        found = Round(folder)
        changed = list(changed_files(folder))
    except (OSError, KeyError, ValueError, StopIteration) as error:
        print(f"{folder} cannot be read as a report: {error!r}", file=sys.stderr)
        return 2
    for name in changed:
        print(f"{name}: not the file that SHA256SUMS lists")
    keys = {
        "shares.csv": ("question", "answer", "group", "prompt", "factor", "value", "model"),
        "contrasts.csv": ("primary", "question", "answer", "factor", "one", "other", "model"),
        "agreement.csv": ("question", "answer"),
        "consistency.csv": ("question", "rater"),
        "outcomes.csv": ("model",),
    }
    rows = found.shares(), found.contrasts(), found.agreements(), found.consistency(), found.outcomes_by_model()
    recomputed = {file: dict(some) for file, some in zip(keys, rows)}
    results = [check(folder, file, keys[file], recomputed[file]) for file in keys]
    results.append(check_page(folder, keys, recomputed))
    compared, wrong = (sum(column) for column in zip(*results))
    if wrong or changed:
        print(f"{wrong} of {compared} numbers differ; {len(changed)} files were changed.")
        return 1
    print(f"All {compared} numbers follow from labels.csv, cells.csv and round.json.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
