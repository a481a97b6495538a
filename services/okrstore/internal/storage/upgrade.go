package storage

// An Upgrade brings the records of an organization from the form of one schema
// version to that of the next. It is the part of a migration that knows what
// the bytes mean; the engine knows which files have seen it, runs it on each
// organization, and makes what it wrote durable together with how far it has
// come. So a process may die on the way and the next one goes on there.
//
// It is called again and again with what it returned last, first with nothing:
// next says where to go on, and if it is empty that the organization is done.
// What it holds is for the Upgrade alone; it must fit into a key, and may be what
// the Tx has lent. One call must
// keep within the limits of an Update. It sees what the calls before it wrote, and
// must have no effect outside the transaction.
type Upgrade func(tx Tx, after []byte) (next []byte, err error)
