/** The API of stream storage: claim a stream, append to it, fetch, trim, close. */
@NullMarked
package io.spillway.stream;

import org.jspecify.annotations.NullMarked;
