/** From the WAL to the bucket: what is cut, built, stored, committed and then trimmed. */
@NullMarked
package io.spillway.upload;

import org.jspecify.annotations.NullMarked;
