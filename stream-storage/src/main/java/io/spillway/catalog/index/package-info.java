/** The catalog's index on the local disk: RocksDB, which nobody else here knows. */
@NullMarked
package io.spillway.catalog.index;

import org.jspecify.annotations.NullMarked;
