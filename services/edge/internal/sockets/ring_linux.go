package sockets

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring sends to many sockets with one system call (io_uring, see io_uring(7)). Compared with one write(2) per socket, it saves
// the switches to the kernel and to the reader. Without io_uring (an old kernel, a container that forbids it), the
// writers use write(2). A ring is for one goroutine.
type ring struct {
	fd int
	// Memory that is shared with the kernel: the submission ring, the completion ring, the submissions.
	submissions, completions, entries []byte
	// Pointers to the indices in this memory.
	submitted, reaped, completed *uint32
	mask, completionMask         uint32
	order                        []uint32
	sqes                         []submission
	cqes                         []completion
}

// ringParams is struct io_uring_params, of which only these offsets are used.
type ringParams struct {
	submissionEntries, completionEntries uint32
	flags, cpu, idle, features, workers  uint32
	reserved                             [3]uint32
	submission                           ringOffsets
	completion                           ringOffsets
}

// ringOffsets are struct io_sqring_offsets and struct io_cqring_offsets, which differ in the fields after entries:
// flags, dropped, and array in the former, and overflow, the completions, and flags in the latter.
type ringOffsets struct {
	head, tail, mask, entries uint32
	fifth, sixth, seventh     uint32
	reserved                  uint32
	user                      uint64
}

// submission is struct io_uring_sqe.
type submission struct {
	opcode, flags uint8
	priority      uint16
	fd            int32
	offset        uint64
	address       uint64
	length        uint32
	operation     uint32
	userData      uint64
	rest          [24]byte
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	result   int32
	flags    uint32
}

const (
	opSend         = 26 // IORING_OP_SEND
	enterGetEvents = 1  // IORING_ENTER_GETEVENTS

	offsetSubmissions = 0          // IORING_OFF_SQ_RING
	offsetCompletions = 0x8000000  // IORING_OFF_CQ_RING
	offsetEntries     = 0x10000000 // IORING_OFF_SQES
)

// errNotDone marks a write whose result is not known yet.
var errNotDone = errors.New("not done")

// newRing returns a ring for this number of writes at a time.
func newRing(entries int) (_ *ring, err error) {
	var p ringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &ring{fd: int(fd)}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	const shared, filled = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := int(p.submission.seventh) + int(p.submissionEntries)*4
	if r.submissions, err = unix.Mmap(r.fd, offsetSubmissions, size, shared, filled); err != nil {
		return nil, fmt.Errorf("map the submissions: %w", err)
	}
	size = int(p.completion.sixth) + int(p.completionEntries)*int(unsafe.Sizeof(completion{}))
	if r.completions, err = unix.Mmap(r.fd, offsetCompletions, size, shared, filled); err != nil {
		return nil, fmt.Errorf("map the completions: %w", err)
	}
	size = int(p.submissionEntries) * int(unsafe.Sizeof(submission{}))
	if r.entries, err = unix.Mmap(r.fd, offsetEntries, size, shared, filled); err != nil {
		return nil, fmt.Errorf("map the entries: %w", err)
	}
	index := func(memory []byte, at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&memory[at])) }
	r.submitted, r.mask = index(r.submissions, p.submission.tail), *index(r.submissions, p.submission.mask)
	r.reaped, r.completed = index(r.completions, p.completion.head), index(r.completions, p.completion.tail)
	r.completionMask = *index(r.completions, p.completion.mask)
	r.order = unsafe.Slice(index(r.submissions, p.submission.seventh), p.submissionEntries)
	r.sqes = unsafe.Slice((*submission)(unsafe.Pointer(&r.entries[0])), p.submissionEntries)
	r.cqes = unsafe.Slice((*completion)(unsafe.Pointer(&r.completions[p.completion.sixth])), p.completionEntries)
	return r, nil
}

// send sends as many bytes of each write as its peer accepts immediately. There must not be more writes than the ring
// has entries. If send returns an error, all writes that were not done have the same error, and the ring can't be used
// again.
func (r *ring) send(writes []write) error {
	tail := *r.submitted
	for i := range writes {
		w := &writes[i]
		w.conn.io.Lock()
		w.err = errNotDone
		at := tail & r.mask
		r.sqes[at] = submission{
			opcode: opSend, fd: w.conn.fd, address: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(w.bytes)))),
			length: uint32(len(w.bytes)), operation: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, userData: uint64(i),
		}
		r.order[at] = at
		tail++
	}
	atomic.StoreUint32(r.submitted, tail)
	err := r.complete(writes)
	for i := range writes {
		w := &writes[i]
		w.conn.finished = w.last && w.err == nil && w.n == len(w.bytes)
		w.conn.io.Unlock()
		if err != nil && errors.Is(w.err, errNotDone) {
			w.err = err
		}
	}
	runtime.KeepAlive(writes)
	return err
}

// complete makes the kernel run the submitted writes, and collects the results.
func (r *ring) complete(writes []write) error {
	for left, open := len(writes), len(writes); open > 0; {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(left), uintptr(open), enterGetEvents, 0, 0)
		switch {
		case errno == 0:
			left -= int(n)
		case errors.Is(errno, unix.EINTR), errors.Is(errno, unix.EAGAIN), errors.Is(errno, unix.EBUSY):
		default:
			return fmt.Errorf("io_uring_enter: %w", errno)
		}
		head := *r.reaped
		for ; head != atomic.LoadUint32(r.completed); head++ {
			c := r.cqes[head&r.completionMask]
			open--
			switch w := &writes[c.userData]; {
			case c.result >= 0:
				w.n, w.err = int(c.result), nil
			case unix.Errno(-c.result) == unix.EAGAIN:
				w.n, w.err = 0, nil
			default:
				w.err = unix.Errno(-c.result)
			}
		}
		atomic.StoreUint32(r.reaped, head)
	}
	return nil
}

func (r *ring) close() {
	for _, memory := range [][]byte{r.submissions, r.completions, r.entries} {
		if memory != nil {
			_ = unix.Munmap(memory) // it was mapped
		}
	}
	_ = unix.Close(r.fd) // no write is in progress
}
