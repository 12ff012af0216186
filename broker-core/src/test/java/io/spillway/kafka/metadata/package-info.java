@NullMarked
package io.spillway.kafka.metadata;

import org.jspecify.annotations.NullMarked;
