/** Who coordinates a group or a transactional id. */
@NullMarked
package io.spillway.request.coordinator;

import org.jspecify.annotations.NullMarked;
