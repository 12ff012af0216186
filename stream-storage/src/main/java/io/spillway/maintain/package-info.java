/** What is done to a whole bucket: checking it, and copying it. */
@NullMarked
package io.spillway.maintain;

import org.jspecify.annotations.NullMarked;
