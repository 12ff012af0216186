/** Handlers for metadata, topics, configs, partitions and log directories. */
@NullMarked
package io.spillway.request.admin;

import org.jspecify.annotations.NullMarked;
