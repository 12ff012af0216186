@NullMarked
package io.spillway.kafka.controller;

import org.jspecify.annotations.NullMarked;
