// A record that was copied just now, and is changed before anybody else sees it. The machines of the core give back new
// records and never change old ones. Where that happens several times for each message the copy is one literal with every
// field, and what changes is assigned: V8 up to Node 20 takes 600 to 2,500 ns for a spread that changes a field, and 40 for the
// literal, whose objects are also smaller and all of one shape (docs/benchmarks.md).

/** `T` while its maker still works on it. */
export type Draft<T> = { -readonly [Key in keyof T]: T[Key] };
