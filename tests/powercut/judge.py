"""What must hold after a power cut: before anything recovers, and after.

Each check answers with a list of complaints; an empty one is a pass.
"""

import hashlib
import json
import re

RANKS = ("available", "downloading", "verifying", "backing-up", "installing",
         "restarting", "confirming", "succeeded", "failed", "rolled-back")
ENDS = ("succeeded", "failed", "rolled-back")
# Of the cloud's words.
END_OF = {"succeeded": "done", "failed": "fail", "rolled-back": "fail"}
STATE_LINE = re.compile(r"OTA_JOB=(\w+) .*OTA_STATE=([a-z-]+)")
# Without a job nobody takes them for anything.
HARMLESS = ("/state/install/", "/state/outbox/", "/state/trial.bad",
            "/state/trial-ended")
# Times, random numbers and the place make no difference between two states.
VOLATILE = re.compile(
    rb"\d{9,}|\b[0-9a-f]{16}\b|\b\d+\.\d{9}\b|^PID.*$|^PACKAGED=.+$|"
    rb"\b127\.0\.0\.1:\d+|/gateway-\d+/", re.MULTILINE)


class Told:
    """What had been told to anybody, by the notes of those who heard it."""

    def __init__(self, scenario, notes):
        self.job, self.states, self.ends, self.asked = None, [], [], 0
        self.undoing, self.confirmed, self.restarts = False, False, 0
        self.is_back, judged = False, False
        topic = scenario.topic("report")
        for _, line in notes:
            found = STATE_LINE.search(line)
            words = line.split()
            self.restarts += line == "RESTARTED"
            self.undoing |= line.startswith("warning: Putting ")
            if found:
                self.job = found[1]
                self.states.append(found[2])
            elif line.startswith("otad-launch: trial of "):
                judged = True
            elif line == f"notice: otad {scenario.old_version} started":
                self.is_back = self.undoing and not judged
            elif words[:1] == ["ASKED"]:
                self.asked = int(words[1])
            elif words[:2] == ["TOLD", topic] and \
                    words[2] in ("done", "fail") and \
                    words[3] == scenario.new_version:
                self.ends.append(words[2])
            elif words == ["TOLD", topic, "version", scenario.new_version]:
                self.confirmed = True

    def follow(self, first):
        """`first` was told before the power failed the last time."""
        self.ends = first.ends + self.ends
        self.states = first.states + self.states
        self.job = self.job or first.job
        self.asked = max(self.asked, first.asked)
        self.undoing |= first.undoing
        self.confirmed |= first.confirmed
        self.is_back |= first.is_back

    @property
    def state(self):
        return self.states[-1] if self.states else None

    def key(self):
        return (self.state, bool(self.ends), self.asked, self.undoing,
                self.confirmed, self.is_back)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def lines_of(content):
    """The KEY=VALUE lines of a marker or record."""
    return dict(line.split("=", 1) for line in content.decode().splitlines())


class Judge:
    """Knows what the files of one scenario may be."""

    def __init__(self, scenario, disk):
        self.scenario, self.disk = scenario, disk
        folder, name = scenario.target.rsplit("/", 1)
        self.backup = f"{folder}/{name}.old" if name != "firmware" else None
        self.staged = f"{folder}/.{name}.otad-new"
        self.old_hash = self.new_hash = self.backup_hash = None

    def learn(self, before, new_hash, backup_hash):
        """From the disk before the update."""
        old = before.get(self.scenario.target)
        self.old_hash = old.hash if old else None
        self.mode = old.mode if old else None
        self.size = len(self.scenario.new)
        self.new_hash, self.backup_hash = new_hash, backup_hash

    # ---- a state as a whole ----

    def key(self, tree, told):
        """Equal for states that differ in times and random numbers only."""
        marks = set()
        for path, file in tree.items():
            if path.startswith("/state/install/") and file.content:
                marks |= set(re.findall(rb"\d+\.\d+", file.content))
        parts = [repr(told.key())]
        for path in sorted(tree):
            file = tree[path]
            if file.content is None or not path.startswith("/state/"):
                mtime = b"%d.%d" % divmod(file.mtime_ns, 10**9)
                content = file.hash.encode() + (b"=" if mtime in marks else b"")
            else:
                content = VOLATILE.sub(b"#", file.content)
            path = VOLATILE.sub(b"#", path.encode())
            parts.append((path, file.mode, file.links, content))
        return hashlib.sha256(repr(parts).encode()).digest()

    # ---- before anything recovers ----

    def before_recovery(self, tree, told):
        try:
            return (self.target_is_whole(tree) + self.state_is_readable(tree) +
                    self.state_is_honest(tree, told) +
                    self.way_back_is_there(tree, told))
        except (ValueError, KeyError, AttributeError) as error:
            return [f"a state file cannot be read: {error!r}"]

    def is_old(self, file):
        if self.old_hash is None:  # the factory version, or its copy
            return file is None or file.hash == self.backup_hash
        return file is not None and file.hash == self.old_hash

    def is_new(self, file):
        return file is not None and file.size == self.size and \
            file.hash == self.new_hash

    def target_is_whole(self, tree):
        file = tree.get(self.scenario.target)
        if not self.is_old(file) and not self.is_new(file):
            return [f"the target is neither old nor new: {file}"]
        if file and self.mode and file.mode != self.mode:
            return [f"the target has mode {file.mode:o}, not {self.mode:o}"]
        if file and not self.mode and not file.mode & 0o100:
            return [f"the target cannot be run: mode {file.mode:o}"]
        return []

    def state_is_readable(self, tree):
        bad = []
        for path, file in tree.items():
            folder, _, name = path.rpartition("/")
            if not path.startswith("/state/") or file.content is None or \
                    name.endswith(".tmp"):
                continue
            if name.endswith(".bad") and name != "trial.bad":
                bad.append(f"{path} was set aside")
            elif name.endswith(".json"):
                if not isinstance(json.loads(file.content), dict):
                    bad.append(f"{path} is no object")
                if file.mode & 0o777 != 0o600:
                    bad.append(f"{path} has mode {file.mode:o}")
            elif path == "/state/history.jsonl":
                history_of(tree, recovered=False)
            elif folder == "/state/install" or name in ("trial", "trial-ended"):
                if "JOB" not in lines_of(file.content) or \
                        not file.content.endswith(b"\n"):
                    bad.append(f"{path} names no job")
                if file.mode & 0o777 != 0o644:
                    bad.append(f"{path} has mode {file.mode:o}")
        return bad

    def state_is_honest(self, tree, told):
        """What was told of stays true; what is said to be there is there."""
        job = job_of(tree, told)
        end = self.end_of(tree)
        bad = []
        if told.state and not job and not end:
            return [f"told of {told.state}, and nothing is known of the job"]
        if told.state in ENDS:
            known = job["state"] if job else end
            if known != told.state:
                bad.append(f"told of {told.state}, but it is {known}")
        elif told.state and job and \
                RANKS.index(job["state"]) < RANKS.index(told.state):
            bad.append(f"told of {told.state}, but it is {job['state']}")
        if not job and end and not told.ends and not self.is_queued(tree):
            bad.append("the job is over, and its report is lost")
        if end and told.ends and END_OF[end] != told.ends[-1]:
            bad.append(f"told the cloud {told.ends[-1]}, but it is {end}")
        if told.undoing and job and not job["undoing"] and \
                job["state"] not in ENDS:
            bad.append("told of the way back, but goes on")
        return bad + self.artifact_is_there(tree, job, told)

    def artifact_is_there(self, tree, job, told):
        """Unless it was moved on: to the staged file, and to the target."""
        partial = [p for p in tree if p.startswith("/state/download/") and
                   p.endswith(".json")]
        bad = []
        for path in tree:
            if path.startswith("/state/download/") and \
                    path not in partial and path + ".json" not in tree and \
                    not path.endswith(".tmp") and tree[path].size and \
                    not self.is_new(tree[path]):
                bad.append(f"{path} is not whole and has no record")
        for path in partial:
            record = json.loads(tree[path].content)
            size = record["bytes"]
            file = self.disk.folder / path[1:-len(".json")]
            data = file.read_bytes() if file.exists() else b""
            if data[:size] != self.scenario.new[:size]:
                bad.append(f"{path} says {size} bytes that are not there")
            if size < told.asked:
                bad.append(f"asked for what follows {told.asked} bytes, but "
                           f"kept {size}")
        if not job or job["undoing"] or job["state"] in ENDS or \
                self.trial_is_over(tree) or \
                RANKS.index(job["state"]) < RANKS.index("verifying"):
            return bad
        places = [p for p in tree if p in (self.staged, self.scenario.target) or
                  (p.startswith("/state/download/") and
                   p + ".json" not in tree)]
        if not any(self.is_new(tree[p]) for p in places) and \
                RANKS.index(job["state"]) <= RANKS.index("installing"):
            bad.append(f"{job['state']}, but the artifact is not there")
        return bad

    def way_back_is_there(self, tree, told):
        """As long as the new version is not confirmed."""
        target, job = tree.get(self.scenario.target), job_of(tree, told)
        if not job or job["state"] in ENDS:
            return []
        bad = []
        record = [lines_of(f.content) for p, f in tree.items()
                  if p.startswith("/state/install/") and
                  not p.endswith(".tmp")]
        if self.backup is None:
            if job["state"] in RANKS[5:7] and not job["undoing"] and \
                    not (record and "INSTALLED" in record[0]):
                bad.append(f"{job['state']} without a record of the handler")
            kept = tree.get("/light/old")
            if self.is_new(target) and not (kept and self.is_old(kept)):
                bad.append("the handler has put it in place without a backup")
            return bad
        backup = tree.get(self.backup)
        if job["state"] in RANKS[4:7] and not record:
            bad.append(f"{job['state']} without a record of the installation")
        trial = tree.get("/state/trial")
        if trial and int(lines_of(trial.content)["STARTS"]) < told.restarts:
            bad.append(f"ended {told.restarts} times, but not counted")
        if self.trial_is_over(tree):
            return bad  # the backup may be the target again
        if trial and told.is_back:
            bad.append("the old version runs again, and is on trial")
        if record and record[0].get("BACKUP") in ("linked", "copied") and \
                (not backup or backup.hash != self.backup_hash):
            bad.append("a backup is on record, but it is not there")
        if job["undoing"]:
            return bad
        if self.is_old(target) and job["state"] in RANKS[5:7]:
            bad.append(f"{job['state']}, but the new version is not in place")
        if not self.is_old(target) and self.scenario.module == "default" and \
                not (told.confirmed and job["state"] == "confirming"):
            bad += self.trial_is_marked(tree)
        return bad

    def trial_is_over(self, tree):
        """otad-launch restores first and tells then; it may be between."""
        trial = tree.get("/state/trial")
        if "/state/trial-ended" in tree or not trial:
            return "/state/trial-ended" in tree
        marker = lines_of(trial.content)
        return self.scenario.watched or \
            int(marker["STARTS"]) >= int(marker["MAX_STARTS"])

    def trial_is_marked(self, tree):
        if "/state/trial" not in tree:
            return ["the new version is in place and not on trial"]
        marker = lines_of(tree["/state/trial"].content)
        digest = marker.get("BACKUP_SHA256")
        if digest != sha256(self.scenario.old or self.scenario.factory):
            return ["the trial marker has no digest of the backup"]
        return []

    # ---- after the recovery ----

    def nothing_changed(self, tree, rest):
        """A cut of a gateway that has come to rest takes nothing away."""
        def known(files):
            return {path: (f.mode, f.hash if f.content is None else f.content)
                    for path, f in files.items() if f.mode & 0o100000}
        now, then = known(tree), known(rest)
        changed = sorted(p for p in {*now, *then} if now.get(p) != then.get(p))
        return [f"at rest, but not on the disk: {changed}"] if changed else []

    def keeps_up(self, tree, received, promised):
        """All but a mebibyte that is being synced, the one that comes
        meanwhile, and one that is on its way; and what was kept once."""
        kept = bytes_kept(tree)
        if kept is None:
            return []
        if kept + (3 << 20) + (1 << 16) < received:
            return [f"{received} bytes were received, {kept} are kept"]
        if kept < (promised or 0):
            return [f"{promised} bytes were kept, now only {kept}"]
        return []

    def after_recovery(self, tree, told, ends, crashes, faulty=False):
        """`ends`: what the cloud was told since; `told`: before the cut.

        What a faulty disk would not let go of may stay, as long as nobody
        takes it for anything.
        """
        bad = self.target_is_whole(tree) + self.state_is_readable(tree)
        target, end = tree.get(self.scenario.target), self.end_of(tree)
        all_ends = told.ends + ends
        if not all_ends:
            bad.append("its result is not reported")
        if len(set(all_ends)) > 1:
            bad.append(f"contradicting reports: {all_ends}")
        if end is None or (all_ends and END_OF[end] != all_ends[-1]):
            bad.append(f"reported {all_ends}, but recorded {end}")
        if end == "succeeded" and not self.is_new(target):
            bad.append("succeeded, but the new version is not in place")
        if end != "succeeded" and not self.is_old(target):
            bad.append(f"{end}, but the old version is not in place")
        lines = [e for e in history_of(tree)
                 if e.get("version") == self.scenario.new_version]
        if len(lines) != 1 or lines[0]["state"] != end:
            bad.append(f"the history tells of {lines}")
        left = [p for p in tree if self.is_left_over(p) and not
                (faulty and (p == self.staged or p.startswith(HARMLESS)))]
        if left:
            bad.append(f"left behind: {left}")
        sick = [c for c in crashes if c != 0]
        if sick and self.scenario.name not in ("self-back", "self-idle"):
            bad.append(f"otad ended with {sick}")
        return bad

    def is_left_over(self, path):
        folder = path.rpartition("/")[0]
        if path.endswith(".tmp"):  # nobody needs it, the next one replaces it
            return False
        return path in (self.staged, "/state/trial", "/state/trial-ended") or \
            folder in ("/state/jobs", "/state/outbox", "/state/install") or \
            path.endswith(".bad")

    def nothing_again(self, tree, told, requests):
        """`tree` before the recovery, and the bytes that it asked for."""
        kept = 0
        for path in tree:
            if path.startswith("/state/download/") and path.endswith(".json"):
                kept = json.loads(tree[path].content)["bytes"]
        job = job_of(tree, told)
        if job and RANKS.index(job["state"]) >= RANKS.index("verifying"):
            kept = self.size
        if any(begin < kept for _, begin in requests):
            return [f"{kept} bytes were there, but asked for {requests}"]
        return []

    # ---- what stands on the disk ----

    def end_of(self, tree):
        """How the module's record says that the update ended, or None."""
        name = f"/state/modules/{self.scenario.device}%2F" \
            f"{self.scenario.module}.json"
        if name not in tree:
            return None
        record = json.loads(tree[name].content)
        if record.get("last_offer", {}).get("version") != \
                self.scenario.new_version:
            return None
        return record.get("last_state")

    def is_queued(self, tree):
        return any(p.startswith("/state/outbox/") and p.endswith(".json")
                   for p in tree)

    def is_known(self, tree):
        """Whether otad has something of this update to go on with."""
        return self.is_queued(tree) or any(
            p.startswith("/state/jobs/") and p.endswith(".json") for p in tree)


def bytes_kept(tree):
    """Of the download that is on its way, by its record; None: there is none."""
    return next((json.loads(f.content)["bytes"] for p, f in tree.items()
                 if p.startswith("/state/download/") and p.endswith(".json")),
                None)


def recovery_key(log, told):
    """Equal for recoveries that do the same to the same files, after the same
    was told."""
    text = "\n".join([repr(told.key()),
                      *(" ".join(line.split()[:2]) for line in log)])
    return hashlib.sha256(VOLATILE.sub(b"#", text.encode())).digest()


def history_of(tree, recovered=True):
    """Its lines; a power cut may leave anything behind the last one."""
    file = tree.get("/state/history.jsonl")
    lines = file.content.splitlines(keepends=True) if file else []
    while lines and not recovered and not is_entry(lines[-1]):
        lines.pop()
    return [json.loads(line) for line in lines]


def is_entry(line):
    try:
        return line.endswith(b"\n") and "job" in json.loads(line)
    except ValueError:
        return False


def job_of(tree, told):
    """The recorded job, or None."""
    for path, file in tree.items():
        if path.startswith("/state/jobs/") and path.endswith(".json"):
            job = json.loads(file.content)
            if told.job is None or job["job"] == told.job:
                return job
    return None
