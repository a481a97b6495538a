package engine

// ListChanges are the lists whose changes a server reports.
type ListChanges struct{ Tools, Resources, Prompts bool }

// Subscription is what a caller wants to hear of. A wish has been reduced to what the server announced.
type Subscription struct {
	ListChanges
	// URIs are the resources whose updates are wanted, as the caller named them.
	URIs []string
}

// Notification is one thing that a subscriber hears of.
type Notification struct {
	// Kind says what happened.
	Kind NotificationKind
	// URI is the resource of ResourceUpdated, one of those in the Subscription.
	URI string
}

// NotificationKind is what happened.
type NotificationKind int

// The kinds of notifications.
const (
	ResourceUpdated NotificationKind = iota + 1
	ResourcesChanged
	ToolsChanged
	PromptsChanged
)
