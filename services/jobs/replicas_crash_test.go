package jobs_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"headway/internal/natstest"
	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// Two replicas of the real program run under load, and each call of users, workers, and watchers goes to any of them. They are killed,
// stopped, and frozen at random points, and lose NATS. What holds for one program (see TestKilledServiceLosesNothingAcknowledged) holds
// for both together.
func TestReplicasLoseNothingAcknowledged(t *testing.T) {
	for name, withBus := range map[string]bool{"without a bus": false, "with NATS": true} {
		t.Run(name, func(t *testing.T) {
			server, err := pgtest.Start("fsync=off")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Stop(); err != nil {
					t.Error(err)
				}
			})
			flags := []string{"--jobs-database", server.Database(t, "jobs"), "--output-blobs", "file://" + t.TempDir()}
			var bus *pgtest.Proxy
			if withBus {
				bus = pgtest.NewProxy(t, natstest.Start(t))
				flags = append(flags, "--bus", "nats://"+bus.Address())
			}
			command := programStarter(t, flags...)
			addresses := []string{proctest.FreeAddress(t), proctest.FreeAddress(t)}
			c := newCalls(t, addresses...)
			c.between = 1
			var programs [2]*proctest.Process
			start := func(i int) {
				cmd := command(addresses[i])
				cmd.Stderr = os.Stderr
				programs[i] = proctest.Start(t, cmd)
			}
			kill := func(i int) {
				var exit *exec.ExitError
				if err := programs[i].Kill(); !errors.As(err, &exit) || exit.Exited() {
					t.Errorf("the program ended by itself: %v", err)
				}
			}
			for i := range programs {
				start(i)
				t.Cleanup(func() { kill(i) })
			}
			c.run(func(n int) {
				i := rand.IntN(len(programs))
				switch n % 4 {
				case 0:
					kill(i)
					start(i)
				case 1:
					_ = programs[i].Process.Signal(syscall.SIGTERM)
					if err := programs[i].Wait(); err != nil {
						t.Errorf("the program does not end in order: %v", err)
					}
					start(i)
				case 2:
					_ = programs[i].Process.Signal(syscall.SIGSTOP)
					time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
					_ = programs[i].Process.Signal(syscall.SIGCONT)
				case 3:
					if bus != nil {
						bus.Cut()
					}
				}
			}, max(crashes(t)/5, 4))
		})
	}
}
