"""The worker's side of the jobs service, from its proto alone: lease, heartbeats, progress, output, and end.

docs/workers.md describes the protocol. Every call can be repeated, so call() repeats them until they are answered.
"""

import atexit
import importlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSTALL = "apt-get install python3-grpcio python3-protobuf protobuf-compiler libprotobuf-dev"
LEASE_WAIT = 20.0
CALL_TIMEOUT = 5.0
MAX_APPEND = 256 * 1024

log = logging.getLogger("worker")


class Missing(Exception):
    """A package of the operating system is not installed."""


def load_protos():
    """Compiles the protos, and returns gRPC and the messages."""
    try:
        grpc = importlib.import_module("grpc")
        importlib.import_module("google.protobuf")
    except ImportError as error:
        raise Missing(f"{error}. Install the packages: {INSTALL}") from error
    folder = tempfile.mkdtemp(prefix="headway-protos-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sources = [os.path.join(ROOT, "proto"), os.path.join(ROOT, "third_party", "protovalidate")]
    files = ["buf/validate/validate.proto"] + [f"headway/jobs/v1/{name}.proto" for name in ("job", "kind", "worker_service")]
    try:
        subprocess.run(
            ["protoc", *(f"-I{source}" for source in sources), f"--python_out={folder}", *files],
            check=True, capture_output=True, text=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).splitlines()[0]
        raise Missing(f"the protos can't be compiled: {reason}. Install the packages: {INSTALL}") from error
    sys.path.insert(0, folder)
    modules = [importlib.import_module(f"headway.jobs.v1.{name}_pb2") for name in ("job", "kind", "worker_service")]
    return (grpc, *modules)


class Failure(Exception):
    """A failure with a reason for programs and a message for users. A permanent one is not retried."""

    def __init__(self, reason, message, permanent=False):
        super().__init__(message)
        self.reason, self.message, self.permanent = reason, message, permanent


class Stopped(Exception):
    """The work must stop: the lease was lost, the job was cancelled, or the worker shuts down."""


class Backoff:
    """Pauses that double up to a limit, with jitter, so that workers don't retry together."""

    def __init__(self, limit):
        self.next, self.limit = 0.05, limit

    def pause(self):
        wait = self.next * (0.5 + random.random() / 2)
        self.next = min(2 * self.next, self.limit)
        return wait


class Worker:
    """Leases and runs jobs of one kind, one at a time."""

    def __init__(self, description, handler):
        self.grpc, self.job_pb, self.kind_pb, self.pb = load_protos()
        self.description = self.kind_pb.KindDescription(**description)
        self.handler = handler
        self.stopping = threading.Event()
        secure = os.environ.get("HEADWAY_TLS") == "true"
        address = os.environ.get("HEADWAY_JOBS_ADDRESS") or "127.0.0.1:9091"
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000),
                   ("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000)]
        self.channel = (self.grpc.secure_channel(address, self.grpc.ssl_channel_credentials(), options) if secure
                        else self.grpc.insecure_channel(address, options))

    def method(self, name):
        request, response = getattr(self.pb, name + "Request"), getattr(self.pb, name + "Response")
        return self.channel.unary_unary(f"/headway.jobs.v1.WorkerService/{name}", request.SerializeToString, response.FromString), request

    def send(self, name, timeout=CALL_TIMEOUT, **fields):
        """Sends one request, and returns the call. The token is read again for each."""
        call, request = self.method(name)
        return call.future(request(**fields), timeout=timeout, metadata=[("authorization", "Bearer " + token())])

    def code(self, error):
        return error.code() if isinstance(error, self.grpc.RpcError) else None

    def passing(self, error):
        """Reports whether a repeated call can succeed."""
        codes = self.grpc.StatusCode
        return self.code(error) in (codes.UNAVAILABLE, codes.DEADLINE_EXCEEDED, codes.INTERNAL, codes.UNKNOWN, codes.UNAUTHENTICATED)

    def refused(self, error):
        """Reports whether the service refuses this worker permanently."""
        codes = self.grpc.StatusCode
        return self.code(error) in (codes.PERMISSION_DENIED, codes.INVALID_ARGUMENT, codes.UNIMPLEMENTED)

    def run(self):
        """Runs jobs until the worker is stopped."""
        name = f"{self.description.kind}@{socket.gethostname()}:{os.getpid()}"
        backoff, failing = Backoff(2), False
        while not self.stopping.is_set():
            call = self.send("LeaseJobs", LEASE_WAIT + 10, kinds=[self.description.kind], descriptions=[self.description],
                             max_jobs=1, wait_seconds=LEASE_WAIT, worker=name)
            answered = threading.Event()
            call.add_done_callback(lambda _: answered.set())
            while not answered.wait(0.2):
                if self.stopping.is_set():
                    call.cancel()
            if call.cancelled():
                return
            error = call.exception()
            if error is None:
                if failing:
                    log.info("leasing jobs again")
                backoff, failing = Backoff(2), False
                for leased in call.result().jobs:
                    Job(self, leased).run()
            elif self.refused(error):
                raise SystemExit(f"the service refuses this worker: {error.details()}")
            else:
                if not failing:
                    log.warning("can't lease jobs, retrying: %s", error.details())
                failing = True
                self.stopping.wait(backoff.pause())


class Job:
    """A job that this worker runs, from its lease to its end."""

    def __init__(self, worker, leased):
        self.worker = worker
        self.id = leased.job.job_id
        self.payload = parse(leased.job.payload_json)
        self.output_bytes = leased.job.output_bytes
        self.lease = {"job_id": self.id, "lease_token": leased.lease_token}
        # Both times are the service's, so our clock may be wrong.
        self.length = seconds(leased.lease_expires_at) - seconds(leased.job.updated_at)
        self.heartbeat_seconds, self.report_seconds = leased.heartbeat_seconds, leased.report_seconds
        self.until = time.monotonic() + self.length
        self.stop_reason = None
        self.ended = False
        # The handler has returned, so the call that ends the job sends the rest of the progress.
        self.ending = False
        self.changed = threading.Condition()
        self.new_plan, self.new_message, self.new_steps = None, None, {}
        # The heartbeat that waits for its answer, and what it contains. The service can be frozen.
        self.beat, self.unanswered = None, None

    def plan(self, *steps):
        """Declares the steps, in order."""
        with self.changed:
            self.new_plan = list(steps)
            self.changed.notify()

    def report(self, message, **step):
        """Reports the progress of a step: totals, not differences, so that only the latest values are sent."""
        with self.changed:
            self.new_message = message
            self.new_steps.setdefault(step["name"], {}).update(step)
            self.changed.notify()

    def check(self):
        """Raises Stopped if the work must stop."""
        if self.worker.stopping.is_set() and self.stop_reason is None:
            self.stop_reason = "shutdown"
        if self.stop_reason:
            raise Stopped(self.stop_reason)

    def append(self, offset, data):
        """Writes output at an offset, and returns when it is on disk. The same bytes can be written again."""
        for at in range(0, len(data), MAX_APPEND):
            self.call("AppendOutput", offset=offset + at, data=data[at:at + MAX_APPEND])

    def call(self, name, **fields):
        """Repeats a call until it is answered, while the lease is valid."""
        backoff = Backoff(1)
        while True:
            try:
                return self.worker.send(name, **self.lease, **fields).result()
            except self.worker.grpc.RpcError as error:
                if self.worker.code(error) == self.worker.grpc.StatusCode.ABORTED:
                    self.stop_reason = "lease lost"
                    raise Stopped(self.stop_reason) from error
                if not self.worker.passing(error) or time.monotonic() > self.until:
                    raise
                time.sleep(backoff.pause())

    def run(self):
        """Runs the handler, renews the lease in the meantime, and reports how it ended."""
        beating = threading.Thread(target=self.keep_lease)
        beating.start()
        try:
            outcome = self.attempt()
        except (Stopped, self.worker.grpc.RpcError) as error:
            outcome = f"the service did not receive the result: {error}"
        with self.changed:
            self.ended = True
            self.changed.notify()
            if self.beat:
                self.beat.cancel()
        beating.join()
        log.info("job %s: %s", self.id, outcome)

    def attempt(self):
        try:
            result = self.worker.handler(self)
        except Stopped as stopped:
            return self.stop(str(stopped))
        except Failure as failure:
            return self.fail(failure)
        except Exception as error:  # pylint: disable=broad-exception-caught
            if self.worker.code(error) is None:
                log.exception("job %s", self.id)
            return self.fail(Failure("WORKER_FAILED", str(error)))
        self.call("CompleteJob", result_json=json.dumps(result), progress=self.last_news())  # as text, numbers stay exact
        return "completed"

    def stop(self, reason):
        if reason == "cancelled":
            error = {"reason": "CANCELLED_BY_USER", "message": "The job was cancelled."}
            self.call("FailJob", error=error, progress=self.last_news())
        elif reason == "shutdown":
            self.last_news()
            self.call("ReleaseJob")
        return reason

    def fail(self, failure):
        error = {"reason": failure.reason, "message": failure.message[:1000]}
        self.call("FailJob", error=error, permanent=failure.permanent, progress=self.last_news())
        return f"failed: {failure.message}"

    def news(self):
        """Returns the progress that was not sent yet, and removes it."""
        plan, message, steps = self.new_plan, self.new_message, self.new_steps
        self.new_plan, self.new_message, self.new_steps = None, None, {}
        if message is None and not steps:
            return plan, None
        return plan, {"message": message or "", "steps": list(steps.values())}

    def last_news(self):
        """Declares the plan, and returns the progress for the call that ends the job: all that the service might not have."""
        with self.changed:
            self.ending = True
            self.restore()
            plan, progress = self.news()
        if plan:
            try:
                self.call("Heartbeat", plan=plan)
            except self.worker.grpc.RpcError as error:  # the end is more important
                log.warning("job %s: the plan was not declared: %s", self.id, error.details())
        return progress

    def has_news(self):
        return not self.ending and bool(self.new_plan or self.new_message is not None or self.new_steps)

    def keep_lease(self):
        """Sends heartbeats: as often as the lease requires, and more often while there is new progress."""
        last, backoff = time.monotonic(), Backoff(1)
        while True:
            with self.changed:
                while not self.ended:
                    every = min(self.report_seconds, self.heartbeat_seconds) if self.has_news() else self.heartbeat_seconds
                    due = last + every - time.monotonic()
                    if due <= 0:
                        break
                    self.changed.wait(due)
                if self.ended:
                    return
                plan, progress = self.unanswered = (None, None) if self.ending else self.news()
                asked = time.monotonic()
                self.beat = self.worker.send("Heartbeat", **self.lease, plan=plan or [], progress=progress)
            try:
                answer = self.beat.result()
                with self.changed:
                    self.unanswered = None
            except self.worker.grpc.FutureCancelledError:
                return  # the job has ended
            except self.worker.grpc.RpcError as error:
                self.restore()
                # Without a response for a full lease, another worker might have the job.
                if self.worker.code(error) == self.worker.grpc.StatusCode.ABORTED or time.monotonic() > self.until:
                    self.stop_reason = "lease lost"
                    return
                time.sleep(backoff.pause())
                continue
            last, backoff, self.until = asked, Backoff(1), asked + self.length
            self.report_seconds = answer.report_seconds
            if answer.cancel_requested and self.stop_reason is None:
                self.stop_reason = "cancelled"

    def restore(self):
        """Restores the progress of a heartbeat without an answer. Later values win."""
        with self.changed:
            plan, progress = self.unanswered or (None, None)
            self.unanswered = None
            self.new_plan = self.new_plan or plan
            if progress:
                self.new_message = progress["message"] if self.new_message is None else self.new_message
                for step in progress["steps"]:
                    self.new_steps[step["name"]] = {**step, **self.new_steps.get(step["name"], {})}


def token():
    """Returns the token in HEADWAY_TOKEN_FILE, which another program renews, or the one in HEADWAY_TOKEN."""
    file = os.environ.get("HEADWAY_TOKEN_FILE")
    if not file:
        return os.environ.get("HEADWAY_TOKEN", "")
    with open(file, encoding="utf-8") as text:
        return text.read().strip()


def seconds(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


def parse(text):
    """Returns a payload as a dict. Whole numbers become int, exactly."""
    return json.loads(text or "{}", parse_float=lambda text: int(float(text)) if float(text).is_integer() else float(text))


def main(description, handler):
    """Runs a worker as a program, until SIGINT or SIGTERM. With --check, reports only whether it could run."""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {description['kind']}: %(message)s")
    try:
        worker = Worker(description, handler)
    except Missing as missing:
        raise SystemExit(f"{description['kind']}: {missing}") from missing
    if "--check" in sys.argv:
        return
    if not os.environ.get("HEADWAY_TOKEN_FILE") and not os.environ.get("HEADWAY_TOKEN"):
        raise SystemExit("no token: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN. To create one, run: headway token --sub NAME --scope headway:worker")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: worker.stopping.set())
    log.info("waiting for jobs")
    worker.run()
    worker.channel.close()
