/** What WALs do alike with batches on their way into a block: turns, and counted block memory. */
@NullMarked
package io.spillway.wal.commit;

import org.jspecify.annotations.NullMarked;
