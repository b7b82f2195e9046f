"""A member's training: its part of each epoch, and between two epochs the average of all members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from emeth_tui.training import reports
from emeth_tui.training.cooperation.average import Average, is_average
from emeth_tui.training.cooperation.differences import Weights
from emeth_tui.training.cooperation.member import MemberEnd
from emeth_tui.training.job_control import StopRequested
from emeth_tui.training.run.best_keeper import BestKeeper
from emeth_tui.training.run.loop import Trainer

REPEAT_S = 20.0  # what a member waits for may have been lost with a process or a connection
Answer = TypeVar("Answer")


class PartTrainer(Trainer):
    """Trains one part of a job. An epoch counts when the node says so, with one loss for all members.

    The member that trains the first part goes on to the result; the others end with the last epoch.
    """

    def __init__(self, part: int, end: MemberEnd, *args: Any, **settings: Any) -> None:
        """`end` hands over what is to be averaged; the rest is what a Trainer takes."""
        super().__init__(*args, **settings)
        self._part = part
        self._end = end
        self._agreed = True  # whether the epochs done count; else the average is to be measured first

    def _train_epochs(self) -> None:
        while self._at.epoch < self._plan.epochs or not self._agreed:
            self._train_epoch_or_go_back()

    def _train_epoch(self) -> None:
        if self._agreed:
            super()._train_epoch()
        else:
            self._agree()

    def _finish(self) -> float:
        return super()._finish() if self._part == 1 else self._at.valid_loss

    def _measure_start(self, best: BestKeeper) -> None:
        loss = self._until_counted(0, self._validate())
        best.so_far.start(loss)
        self._kept_at = None
        self._report(reports.Untrained(loss))

    def _finish_epoch(self, started: float) -> None:
        reading = self._read()
        self._watch.judge_mean(reading.mean_loss, self._at.best_train_loss)
        epoch = self._at.epoch + 1
        self._report(reports.Saving(*self.position))
        with self._pace.saving():
            self._end.hand_over(epoch, self._model, reading.mean_loss)
        self._at.best_train_loss = min(self._at.best_train_loss, reading.mean_loss)
        trained = reports.PartTrained(
            epoch, reading.mean_loss, round(reading.tokens), self._tokens.vocab_size
        )
        self._take(self._wait(trained, self._average_of))
        loss = self._agreed_loss()
        self._at.valid_loss = loss
        self._agreed = True
        self._judge(reading.mean_loss, started)

    def _agree(self) -> None:
        """Have an average count that was there when this process began."""
        self._at.valid_loss = self._agreed_loss()
        self._agreed = True
        if self._best and self._best.judge(self._at, last=self._at.epoch == self._plan.epochs):
            self._go_on_from_best()
        self._start_meter()

    def _go_on_from_best(self) -> None:
        super()._go_on_from_best()
        self._end.forget_left()

    def _agreed_loss(self) -> float:
        return self._until_counted(self._at.epoch, self._validate())

    def _average_of(self, limit_s: float, epoch: int) -> Average | None:
        """Return the average of an epoch once the node says that it is there."""
        if not self._control.wait_for_average(epoch, limit_s):
            return None
        weights = self._end.received(epoch)
        if weights is not None:
            return self._in_full(epoch, weights)
        content: Any = self._store.load_newest()
        if content is not None and is_average(content) and content["epoch"] == epoch:
            average: Average = content
            return average
        self._control.wait_for_stop(limit_s)  # the node sends it once more when it is asked again
        return None

    def _in_full(self, epoch: int, weights: Weights) -> Average:
        """Return an average that has come as a difference, once the disk holds it: a new process needs it."""
        best = self._best.so_far if self._best and self._best.so_far.started else None
        average: Average = {
            "epoch": epoch,
            "weights": weights,
            "best": asdict(best) if best else None,
            "best_weights": self._model.published(self._best.apart(self._at)) if self._best else {},
        }
        self._store.add(epoch, average)
        return average

    def _until_counted(self, epoch: int, valid_loss: float) -> float:
        return self._wait(
            reports.PartValidated(epoch, valid_loss),
            lambda limit_s, epoch: self._control.wait_for_count(epoch, limit_s),
        )

    def _wait(
        self,
        report: reports.PartTrained | reports.PartValidated,
        answer_within: Callable[[float, int], Answer | None],
    ) -> Answer:
        """Report until there is an answer. Raise StopRequested, after saving, when asked to stop."""
        self._pace.pause()
        while True:
            self._report(report)
            answer = answer_within(REPEAT_S, report.epoch)
            if answer is not None:
                self._pace.resume()
                return answer
            if self._control.stopping:
                self.keep()
                raise StopRequested

    def _restore(self, content: Mapping[str, Any] | None) -> None:
        self._agreed = content is None or content.get("agreed", False)
        if content is None or not is_average(content):
            super()._restore(content)
            self._end.restore(content)
            return
        own = self._store.load_newest(own=True)
        super()._restore(own)  # what the optimiser has learnt
        average: Any = content
        self._restore_end(own, average["epoch"])
        self._restore_best(average)
        self._take(average)

    def _restore_end(self, own: Mapping[str, Any] | None, epoch: int) -> None:
        """Be as the member was that is to take an average, also where it had handed over its part of it."""
        if self._end.epoch == epoch:  # it has it already, and goes back to it
            return
        self._end.restore(own)
        has_handed_over = (self._at.epoch, self._at.blocks_done) == (epoch - 1, self._blocks)
        if has_handed_over and self._end.holds_average_before(epoch):
            self._end.leave_out(epoch, self._model)

    def _restore_best(self, average: Average) -> None:
        best = average["best"]
        if self._best is None or best is None:
            return
        if best["epoch"]:
            self._model.import_weights(average["best_weights"])
        self._best.restore({"best": best, "best_weights": {}})

    def _take(self, average: Average) -> None:
        self._model.import_weights(average["weights"])
        self._end.took(average["epoch"], average["weights"])
        self._stepper.weights_changed()
        self._at.epoch, self._at.blocks_done = average["epoch"], 0
        self._store.drop_old()  # a member may go on for many averages before it saves
        self._agreed = False
        self._kept_at = None
        self._start_meter()

    def _more_to_save(self) -> dict[str, Any]:
        return {"agreed": self._agreed}

    def _more_unchanging(self) -> dict[str, Any]:
        return self._end.capture()
