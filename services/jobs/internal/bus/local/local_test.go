package local

import (
	"testing"

	"go.uber.org/goleak"

	"headway/services/jobs/internal/bus"
	"headway/services/jobs/internal/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocalBusKeepsTheContract(t *testing.T) {
	bustest.Run(t, func(*testing.T) func() bus.Bus {
		var n Network
		return func() bus.Bus { return n.Join() }
	})
}
