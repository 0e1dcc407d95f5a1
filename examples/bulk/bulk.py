#!/usr/bin/env python3
"""A worker that merges letters: jobs of kind `bulk`. README.md describes it."""

import csv
import json
import os
import re
import time

from worker import Failure, main

DEFAULT_TEMPLATE = "Dear {name}, your plot {plot} is paid until {until}."
MAX_TEMPLATE = 300
DEFAULT_ROWS, MAX_ROWS = 40, 1000
DEFAULT_PACE, MAX_PACE = 8, 1000
PLACEHOLDER = re.compile(r"\{(\w+)\}")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

DESCRIPTION = {
    "kind": "bulk",
    "title": "Merge letters",
    "summary": "Fills in a letter for every member of a garden club, and shows the result of each row.",
    "fields": [
        {"name": "template", "label": "Letter", "default_value": DEFAULT_TEMPLATE, "max_length": MAX_TEMPLATE, "required": True},
        {"name": "rows", "label": "Rows", "type": "KIND_FIELD_TYPE_INTEGER", "minimum": 1, "maximum": MAX_ROWS,
         "default_value": str(DEFAULT_ROWS)},
    ],
}

COLUMNS = [{"name": "row", "label": "Row"}, {"name": "to", "label": "To"}, {"name": "result", "label": "Result"},
           {"name": "letter", "label": "Letter"}]


def read_members():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "members.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


MEMBERS = read_members()


def bulk(job):
    """Merges a letter for each row, and appends a line with the row's result to the output.

    There is no checkpoint: the output is the record of the rows that are done. The same order produces the same lines, so
    the next attempt skips those that are in the output, and continues with the first row that has none.
    """
    order = read_order(job.payload)
    job.plan({"name": "letters", "title": "Merge the letters", "total": order["rows"], "unit": "rows"})
    counts = {"sent": 0, "skipped": 0, "failed": 0}
    offset = write(job, 0, {"view": "table", "columns": COLUMNS})
    job.report("Merging…", name="letters", state="STEP_STATE_ACTIVE", done=0)
    for number in range(1, order["rows"] + 1):
        job.check()
        line = merge(number, MEMBERS[(number - 1) % len(MEMBERS)], order["template"])
        if order["rowsPerSecond"] > 0 and offset >= job.output_bytes:
            time.sleep(1 / order["rowsPerSecond"])
        offset = write(job, offset, line)
        counts[line["state"]] += 1
        job.report(f"Row {number} of {order['rows']}", name="letters", done=number)
    job.report(f"{counts['sent']} letters are ready.", name="letters", state="STEP_STATE_COMPLETED")
    return {"rows": order["rows"], **counts}


def merge(number, member, template):
    """Returns the line of a row: the letter, and the result."""
    line = {"row": number, "to": member["email"], "letter": "", "state": "skipped", "result": "Skipped: no address"}
    if not member["email"]:
        return {**line, "to": member["name"]}
    if not ADDRESS.fullmatch(member["email"]):
        return {**line, "state": "failed", "result": "Failed: the address is not valid"}
    letter = PLACEHOLDER.sub(lambda found: member[found[1]], template)
    return {**line, "letter": letter, "state": "sent", "result": "Ready"}


def write(job, offset, line):
    """Appends a line unless it is in the output, and returns the offset after it. A line is one append, so it is never
    written in part."""
    data = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    if offset + len(data) > job.output_bytes:
        job.append(offset, data)
    return offset + len(data)


def read_order(payload):
    """Reads the payload and sets the defaults. An invalid payload stays invalid, so its job is not retried."""

    def refuse(message):
        return Failure("PAYLOAD_INVALID", message, permanent=True)

    order = {"template": DEFAULT_TEMPLATE, "rows": DEFAULT_ROWS, "rowsPerSecond": DEFAULT_PACE, **payload}
    unknown = sorted(set(order) - {"template", "rows", "rowsPerSecond"})
    if unknown:
        raise refuse(f"Unknown field {unknown[0]}. The payload can have template, rows, and rowsPerSecond.")
    if not isinstance(order["template"], str) or not 1 <= len(order["template"]) <= MAX_TEMPLATE:
        raise refuse(f"template must be a text of 1 to {MAX_TEMPLATE} characters.")
    for name in PLACEHOLDER.findall(order["template"]):
        if name not in MEMBERS[0]:
            raise refuse(f"The letter has the placeholder {{{name}}}. It can have {', '.join(f'{{{field}}}' for field in MEMBERS[0])}.")
    if not is_number(order["rows"], int) or not 1 <= order["rows"] <= MAX_ROWS:
        raise refuse(f"rows must be a whole number from 1 to {MAX_ROWS}.")
    if not is_number(order["rowsPerSecond"], (int, float)) or not 0 <= order["rowsPerSecond"] <= MAX_PACE:
        raise refuse(f"rowsPerSecond must be a number from 0 to {MAX_PACE}.")
    return order


def is_number(value, types):
    return isinstance(value, types) and not isinstance(value, bool)


if __name__ == "__main__":
    main(DESCRIPTION, bulk)
