package fanout

// Mailbox holds the latest state of each of many things until it is taken. Things are taken in the order in which they
// arrived. The zero value is ready to use. A Mailbox is not safe for concurrent use.
type Mailbox[S State] struct {
	// KeepFinal keeps a waiting final state before later states of the same thing. Without it, later states replace the
	// final state.
	KeepFinal bool
	// Remember, if above 0, makes the mailbox remember the last revision taken of each thing, so that it can report the
	// first state of a thing and ignore earlier ones. It forgets a thing that was deleted, or that has ended before the
	// given number of others. Without it, states must be offered in the order of their revisions.
	Remember int
	// Bounds limit the memory of waiting states. Its Things has no effect: only subscribers of topics can end.
	Bounds Bounds[S]

	waiting map[string]entry[S]
	bytes   int      // of the waiting states; see Bounds
	line    []string // the keys in waiting, in the order of their arrival, and keys that were removed since
	head    int      // of line
	seen    map[string]uint32
	ended   []string // keys in seen whose last state was final, the earliest first
}

// Bounds limit the memory that changes take while they wait. The zero value sets no limit.
type Bounds[S State] struct {
	// Bytes is the maximum size of all waiting states together. A state beyond it is replaced by a smaller one, from which the
	// subscriber can read the thing elsewhere when it takes it. If Bytes is 0, there is no limit, and the functions are not used.
	Bytes int
	// Size returns the size of a state. It must always be the same, and 0 for replacements.
	Size func(S) int
	// Shrink returns the replacement of a state, with the same key and revision.
	Shrink func(S) S
	// Things is the maximum number of things with waiting changes. A subscriber that exceeds it ends with Err.
	Things int
	Err    error
}

// entry holds the waiting changes of one key: the final state, then the deletion, then the latest state.
type entry[S State] struct {
	final, latest                S
	hasFinal, deleted, hasLatest bool
}

// Item is one change of a thing: a state, or its deletion.
type Item[S State] struct {
	State   S
	Key     string
	Deleted bool // State is not set
	First   bool // the first state of the thing; only for mailboxes that remember
}

// Offer adds a state that is later than the thing's previous ones. It reports whether the mailbox took the state, and
// whether that replaced a state that was never taken.
func (m *Mailbox[S]) Offer(state S) (ready, skipped bool) {
	key := state.Key()
	e, waits := m.waiting[key]
	if rev, known := m.seen[key]; known && !e.deleted {
		if state.Rev() <= rev {
			return false, false
		}
		if m.Remember == 0 {
			delete(m.seen, key) // all states that follow are later still
		}
	}
	if e.hasLatest {
		if state.Rev() <= e.latest.Rev() {
			return false, false
		}
		skipped = true
		if m.KeepFinal && e.latest.Final() && !e.deleted {
			skipped = e.hasFinal
			m.keepFinal(&e)
		} else {
			m.release(e.latest)
		}
	}
	e.latest, e.hasLatest = m.admit(state), true
	m.put(key, e, waits)
	return true, skipped
}

// Drop adds the deletion of a thing. It replaces a waiting state, except a final one with KeepFinal.
func (m *Mailbox[S]) Drop(key string) {
	e, waits := m.waiting[key]
	if m.KeepFinal && e.hasLatest && e.latest.Final() {
		m.keepFinal(&e)
	} else if e.hasLatest {
		m.release(e.latest)
	}
	var none S
	e.latest, e.hasLatest, e.deleted = none, false, true
	if m.Remember == 0 {
		delete(m.seen, key)
	}
	m.put(key, e, waits)
}

// keepFinal moves the latest state of an entry, which is final, before later ones.
func (m *Mailbox[S]) keepFinal(e *entry[S]) {
	if e.hasFinal {
		m.release(e.final)
	}
	e.final, e.hasFinal = e.latest, true
}

// admit returns the state, or its smaller replacement if there is no room for it.
func (m *Mailbox[S]) admit(state S) S {
	if m.Bounds.Bytes == 0 {
		return state
	}
	size := m.Bounds.Size(state)
	if m.bytes+size > m.Bounds.Bytes {
		return m.Bounds.Shrink(state)
	}
	m.bytes += size
	return state
}

// release makes the room of a state free that no longer waits.
func (m *Mailbox[S]) release(state S) {
	if m.Bounds.Bytes > 0 {
		m.bytes -= m.Bounds.Size(state)
	}
}

func (m *Mailbox[S]) put(key string, e entry[S], waits bool) {
	if m.waiting == nil {
		m.waiting = make(map[string]entry[S])
	}
	m.waiting[key] = e
	if !waits {
		m.line = append(m.line, key)
	}
}

// Seen makes the mailbox ignore states of the thing up to this revision, including one that is waiting. A later state
// that is waiting stays.
func (m *Mailbox[S]) Seen(key string, rev uint32) {
	m.remember(key, rev)
	e, waits := m.waiting[key]
	if !waits || e.deleted || e.hasLatest && e.latest.Rev() > rev {
		return
	}
	if e.hasFinal {
		m.release(e.final)
	}
	if e.hasLatest {
		m.release(e.latest)
	}
	delete(m.waiting, key)
}

func (m *Mailbox[S]) remember(key string, rev uint32) {
	if m.seen == nil {
		m.seen = make(map[string]uint32)
	}
	m.seen[key] = max(rev, m.seen[key])
}

// Knows reports whether a state of the thing was taken and is remembered, or is waiting.
func (m *Mailbox[S]) Knows(key string) bool {
	if _, seen := m.seen[key]; seen {
		return true
	}
	return m.waits(key)
}

func (m *Mailbox[S]) waits(key string) bool {
	_, waits := m.waiting[key]
	return waits
}

// Len returns the number of things with a waiting change.
func (m *Mailbox[S]) Len() int { return len(m.waiting) }

// Take returns the next change of the thing that has waited longest. ok is false if nothing is waiting.
func (m *Mailbox[S]) Take() (item Item[S], ok bool) {
	for m.head < len(m.line) {
		key := m.line[m.head]
		e, waits := m.waiting[key]
		if !waits { // it was removed by Seen
			m.pop()
			continue
		}
		item.Key = key
		var none S
		switch {
		case e.hasFinal:
			item.State, e.final, e.hasFinal = e.final, none, false
		case e.deleted:
			item.Deleted, e.deleted = true, false
		default:
			item.State, e.latest, e.hasLatest = e.latest, none, false
		}
		if e.hasFinal || e.deleted || e.hasLatest {
			m.waiting[key] = e
		} else {
			delete(m.waiting, key)
			m.pop()
		}
		if !item.Deleted {
			m.release(item.State)
		}
		m.taken(&item)
		return item, true
	}
	return item, false
}

func (m *Mailbox[S]) pop() {
	m.line[m.head] = ""
	m.head++
	if m.head < len(m.line) {
		return
	}
	m.head = 0
	if m.line = m.line[:0]; cap(m.line) > 1024 {
		m.line = nil // release the memory of a burst
	}
}

// taken records the revision of a taken state, if the mailbox remembers revisions.
func (m *Mailbox[S]) taken(item *Item[S]) {
	if m.Remember == 0 {
		return
	}
	if item.Deleted {
		delete(m.seen, item.Key)
		return
	}
	_, known := m.seen[item.Key]
	item.First = !known
	m.remember(item.Key, item.State.Rev())
	if !item.State.Final() {
		return
	}
	m.ended = append(m.ended, item.Key)
	if len(m.ended) > m.Remember {
		delete(m.seen, m.ended[0])
		m.ended = m.ended[1:]
	}
}
