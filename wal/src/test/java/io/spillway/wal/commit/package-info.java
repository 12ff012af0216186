/** Turns between clients, and block memory. */
@NullMarked
package io.spillway.wal.commit;

import org.jspecify.annotations.NullMarked;
