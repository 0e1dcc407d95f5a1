// Package bus connects the replicas of a service, so that they learn of each other's changes within milliseconds. A message can
// be lost. So data that must be correct is stored elsewhere, and a lost message only costs time.
package bus

// Bus connects a replica to the others. It is safe for concurrent use.
type Bus interface {
	// Publish sends data to all other replicas. It doesn't block. Messages of a replica arrive in order, but some can be missing.
	Publish(data []byte)
	// Subscribe calls received with the messages of the others, one at a time. Call it once.
	Subscribe(received func(data []byte)) error
	// Wake notifies one of the other replicas that wait for the kind that a job is ready. data is passed on.
	Wake(kind string, data []byte)
	// Await calls woken for the calls of Wake that are meant for this replica, until stop is called.
	Await(kind string, woken func(data []byte)) (stop func(), err error)
	// Connected reports whether messages are passed on at this moment.
	Connected() bool
	// Close ends the connection. It waits for the functions that are called at this moment.
	Close()
}
