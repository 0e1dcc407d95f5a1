package alarm_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/alarm"
)

func TestAlarmPassesAndIsLoggedOncePerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a := alarm.New(slog.New(slog.NewTextHandler(&log, nil)), "the disk is full")
		if a.Lately() {
			t.Error("a new alarm is on")
		}
		for range 50 {
			a.Note(errors.New("write x"))
		}
		if !a.Lately() {
			t.Error("the alarm is off")
		}
		time.Sleep(11 * time.Second)
		if a.Lately() {
			t.Error("the alarm is still on")
		}
		time.Sleep(time.Minute)
		a.Note(errors.New("write y"))
		if got := strings.Count(log.String(), "the disk is full"); got != 2 {
			t.Errorf("%d lines in the log: %s", got, &log)
		}
	})
}
