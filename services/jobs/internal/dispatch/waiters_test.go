package dispatch

import "testing"

func TestUnusedWakeUpGoesToAnotherWorker(t *testing.T) {
	w := newWaiters()
	first, second := w.join([]string{"crawl"}), w.join([]string{"crawl"})
	w.wake("crawl")
	w.leave(first)
	select {
	case <-second.woken:
	default:
		t.Error("the second worker was not woken")
	}
	w.leave(second)
	if len(w.waiting) != 0 {
		t.Errorf("the waiters still have %v", w.waiting)
	}
}
