package stream

// mailbox holds what a stream of many jobs has yet to send: the newest frame of each job, in the order in which the
// jobs came in line.
type mailbox struct {
	line    []string
	pending map[string]*pendingJob
	// told holds the last revision sent of each job that has not ended, and of those that ended last.
	told  map[string]uint32
	ended []string
}

type pendingJob struct {
	newest *frame
	// terminal waits before newest: a job that was retried at once has still ended in between.
	terminal *frame
	deleted  bool
}

// rememberEnded is how many ended jobs a mailbox remembers, so that hearing of one twice does not tell it twice.
const rememberEnded = 256

func newMailbox() *mailbox {
	return &mailbox{pending: make(map[string]*pendingJob), told: make(map[string]uint32)}
}

// put takes a frame in; skipped tells whether it took the place of one that was not sent.
func (m *mailbox) put(f *frame) (skipped bool) {
	p := m.pending[f.jobID]
	if p == nil {
		if f.revision <= m.told[f.jobID] {
			return false
		}
		p = &pendingJob{}
		m.pending[f.jobID] = p
		m.line = append(m.line, f.jobID)
	}
	if p.newest != nil && f.revision <= p.newest.revision {
		return false
	}
	skipped = p.newest != nil
	if skipped && p.newest.terminal {
		p.terminal, skipped = p.newest, p.terminal != nil
	}
	p.newest = f
	return skipped
}

// knows tells whether the job was told of, or is about to be.
func (m *mailbox) knows(jobID string) bool {
	_, told := m.told[jobID]
	return told || m.pending[jobID] != nil
}

// delete tells that a job is gone.
func (m *mailbox) delete(jobID string) {
	if m.pending[jobID] == nil {
		m.line = append(m.line, jobID)
	}
	m.pending[jobID] = &pendingJob{deleted: true}
}

func (m *mailbox) waiting() bool { return len(m.line) > 0 }

// next gives the event of the job that waits longest.
func (m *mailbox) next(b []byte) []byte {
	id := m.line[0]
	p := m.pending[id]
	if p.deleted {
		m.pop(id)
		delete(m.told, id)
		return append(b, deletedEvent(id)...)
	}
	f := p.newest
	if p.terminal != nil {
		f, p.terminal = p.terminal, nil
	} else {
		m.pop(id)
	}
	_, known := m.told[id]
	m.told[id] = f.revision
	if f.terminal {
		m.forgetOldestEnded(id)
	}
	return f.appendEvent(b, f.momentID(), !known)
}

func (m *mailbox) pop(id string) {
	m.line[0] = ""
	m.line = m.line[1:]
	delete(m.pending, id)
}

func (m *mailbox) forgetOldestEnded(id string) {
	m.ended = append(m.ended, id)
	if len(m.ended) > rememberEnded {
		delete(m.told, m.ended[0])
		m.ended = m.ended[1:]
	}
}
