/** Handlers of the APIs that write and read records, and of what belongs to them. */
@NullMarked
package io.spillway.request.data;

import org.jspecify.annotations.NullMarked;
