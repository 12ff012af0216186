/** The bucket: a small port over S3-compatible object storage, and its implementations. */
@NullMarked
package io.spillway.object;

import org.jspecify.annotations.NullMarked;
