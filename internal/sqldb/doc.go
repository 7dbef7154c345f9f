// Package sqldb opens the database: a SQLite file or a PostgreSQL server. It owns the drivers, the connection pools,
// the migrations and the only transaction helper of the house, [DB.InTx].
//
// One SQL text serves both databases, so what is written against this package keeps to their common ground:
//
//   - columns are TEXT, BIGINT, BOOLEAN and DOUBLE PRECISION; times are BIGINT microseconds since the Unix epoch,
//     given as arguments; JSON is TEXT; bytes are TEXT in base64, by the type [Bytes] (BYTEA and BLOB share no name);
//   - placeholders are $1, $2; casts are CAST(x AS TEXT); ON CONFLICT … DO UPDATE and RETURNING work on both;
//   - no FOR UPDATE, no arrays, no ILIKE: compare-and-set on a revision column instead.
//
// On SQLite there is one writing connection, which all writers take in turn, and a pool of reading ones. So inside a
// transaction only its tx may write, and no other room's method that opens a transaction may be called.
//
// The package knows nothing of films and imports nothing of ours.
package sqldb
