"""Why a worker is idle and a job not taken, in the interface's language: the engine's sentences by pattern.

A sentence that is not known here is shown in the engine's own words; nothing depends on it.
"""

from __future__ import annotations

import re

from emeth_tui.foreign_text import clean
from emeth_tui.words.translation import _

# Patterns are the engine's words (market, claim, discover, disk, models); templates are for translators.
SENTENCES = {
    r"every worker has a job": "every worker has a job",
    r"no jobs are on offer": "no jobs are on offer",
    r"(?P<n>\d+) on offer, none more taken: (?P<reason>.+)": "{n} on offer, none more taken: {reason}",
    r"claiming is paused: (?P<reason>.+)": "claiming is paused: {reason}",
    r"claiming is switched off \(claims\.enabled\)": "claiming is switched off (claims.enabled)",
    r"by the operator": "by the operator",
    r"finishing what is under way first": "finishing what is under way first",
    r"the last (?P<n>\d+) results were rejected; look at the log first": (
        "the last {n} results were rejected; look at the log first"
    ),
    r"the info server does not answer": "the info server does not answer",
    r"the storage does not answer": "the storage does not answer",
    r"the chain does not answer": "the chain does not answer",
    r"the node ends when the jobs under way are submitted": (
        "the node ends when the jobs under way are submitted"
    ),
    r"its fee of (?P<fee>[\d.,]+) EMT is under (?P<limit>[\d.,]+)": "its fee of {fee} EMT is under {limit}",
    r"its fee of (?P<fee>[\d.,]+) EMT is over (?P<limit>[\d.,]+)": "its fee of {fee} EMT is over {limit}",
    r"its dataset of (?P<size>[\d,]+) bytes is under (?P<limit>[\d,]+)": (
        "its dataset of {size} bytes is under {limit}"
    ),
    r"its dataset of (?P<size>[\d,]+) bytes is over (?P<limit>[\d,]+)": (
        "its dataset of {size} bytes is over {limit}"
    ),
    r"it would miss its deadline's safety margin by (?P<n>[\d,]+) s: (?P<reason>.+)": (
        "it would miss its deadline's safety margin by {n} s: {reason}"
    ),
    r"it would miss its deadline by (?P<n>[\d,]+) s: (?P<reason>.+)": (
        "it would miss its deadline by {n} s: {reason}"
    ),
    r"it needs (?P<low>[\d,]+) to (?P<high>[\d,]+) s, as measured here": (
        "it needs {low} to {high} s, as measured here"
    ),
    r"it needs (?P<low>[\d,]+) to (?P<high>[\d,]+) s, by the reference's formula": (
        "it needs {low} to {high} s, by the reference's formula"
    ),
    r"job (?P<job>\S+) is not claimed: (?P<reason>.+)": "job {job} is not claimed: {reason}",
    r"the node is stopping": "the node is stopping",
    r"the operator was faster": "the operator was faster",
    r"the chain does not know it": "the chain does not know it",
    r"it is (?P<status>\w+) on the chain": "it is {status} on the chain",
    r"its dataset cannot be had: (?P<error>.+)": "its dataset cannot be had: {error}",
    r"its model (?P<model>.+) cannot be had \(see the events\)": (
        "its model {model} cannot be had (see the events)"
    ),
    r"its model (?P<model>.+) is not ready yet, (?P<share>\d+%) of it is here": (
        "its model {model} is not ready yet, {share} of it is here"
    ),
    r"(?P<setting>[\w.-]+ = '.*'): (?P<reason>.+)": "{setting}: {reason}",
    r"input should be greater than or equal to (?P<limit>.+)": (
        "input should be greater than or equal to {limit}"
    ),
    r"input should be greater than (?P<limit>.+)": "input should be greater than {limit}",
    r"input should be less than or equal to (?P<limit>.+)": "input should be less than or equal to {limit}",
    r"input should be less than (?P<limit>.+)": "input should be less than {limit}",
    r"input should be a valid (?:decimal|number|integer)\b.*": "input should be a number",
    r"its deadline is no date": "its deadline is no date",
    r"as many jobs as asked for \((?P<n>\d+)\) are under way": (
        "as many jobs as asked for ({n}) are under way"
    ),
    r"its deposit is (?P<deposit>[\d.,]+) EMT and (?P<free>[\d.,]+) are free": (
        "its deposit is {deposit} EMT and {free} are free"
    ),
    r"the cache has room for (?P<room>.+?) of its (?P<limit>.+?) and the job needs (?P<needs>.+?): .*": (
        "the cache has room for {room} of its {limit} and the job needs {needs}: raise cache.limit_gb"
    ),
    r"the file system has (?P<room>.+?) to spare and the job needs (?P<needs>.+?): free some .*": (
        "the file system has {room} to spare and the job needs {needs}"
    ),
}
_COMPILED = tuple((re.compile(pattern), template) for pattern, template in SENTENCES.items())


def reason_text(reason: str) -> str:
    """Give one of the engine's reasons in the interface's language, safe to show."""
    for pattern, template in _COMPILED:
        if match := pattern.fullmatch(reason):
            translated = _(template)
            if translated == template:
                break
            fields = match.groupdict()
            if "reason" in fields:
                fields["reason"] = reason_text(fields["reason"])
            return clean(translated.format(**fields))
    return clean(reason)
