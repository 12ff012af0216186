/** The WAL in the bucket: chains of numbered objects, their fences, and reading what they hold. */
@NullMarked
package io.spillway.objectwal;

import org.jspecify.annotations.NullMarked;
