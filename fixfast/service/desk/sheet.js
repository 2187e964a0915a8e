// A table that is told only which rows changed, and in which order they stand. Every value is shown as text.
// While somebody points at a row that can be acted on, or has a key's focus in one, rows change where they are and none
// moves: what is clicked is what was aimed at. Rows are frozen: Vue need not watch them, and draws one again only when it
// is another.
// Of many rows only the upper ones are in the page, and more when somebody scrolls down: each costs a hundred nodes.
const PART = 30;

export default {
  emits: ["fold", "act", "pick"],
  props: { columns: Array, actions: Array, label: String, empty: String, test: String, detail: String },
  data: () => ({ rows: [], waiting: 0, most: PART }),
  created() {
    this.known = new Map();
    this.ids = [];
    this.pointed = false; // by a mouse: where a finger was, nothing is pointed at any more
  },
  methods: {
    patch(ids, changed) {
      for (const row of changed) this.known.set(row.id, Object.freeze(row));
      if (ids !== null) this.ids = ids;
      this.lay();
    },
    lay() {
      const held = this.held();
      const ids = held ? this.rows.map((row) => row.id) : this.ids;
      this.rows = Object.freeze(ids.map((id) => this.known.get(id)));
      const shown = new Set(ids);
      this.waiting = held ? this.ids.filter((id) => !shown.has(id)).length : 0;
      const kept = new Set([...ids, ...this.ids]);
      for (const id of this.known.keys()) if (!kept.has(id)) this.known.delete(id);
    },
    held() {
      if (!this.actions.length || !this.rows.length) return false;
      return (this.pointed && this.$el.querySelector(".desk-rows:hover")) || this.$el.querySelector(".desk-rows :focus-visible");
    },
    scrolled() {
      if (this.$el.scrollTop === 0) this.most = PART;
      else if (this.$el.scrollTop + this.$el.clientHeight > this.$el.scrollHeight - 200) this.more();
    },
    more() {
      if (this.most < this.rows.length) this.most += PART;
    },
    point(event) {
      this.pointed = event.pointerType === "mouse";
    },
    release() {
      if (this.waiting) this.$nextTick(() => this.lay());
    },
    shape(row, column) {
      const part = row.bars?.[column.name];
      return part === undefined ? column.style : column.style + ";--part:" + part + "%";
    },
  },
  template: `
    <div class="desk-sheet" role="table" tabindex="0" :aria-label="label" :aria-rowcount="rows.length + 1"
      @pointerenter="point" @mouseleave="release" @focusout="release" @scroll.passive="scrolled">
      <div role="rowgroup" class="desk-heads"><div role="row" class="desk-row">
        <div v-if="detail" role="columnheader" class="desk-narrow" aria-label="Details"></div>
        <div v-for="column in columns" :key="column.name" role="columnheader" :class="column.classes"
          :style="column.style">{{ column.label }}</div>
        <div v-if="actions.length" role="columnheader" class="desk-narrow" aria-label="Actions">
          <span v-if="waiting" class="desk-warn" role="status">{{ waiting }} more</span>
        </div>
      </div></div>
      <div v-if="!rows.length" class="desk-empty">{{ empty }}</div>
      <div v-for="row in rows.slice(0, most)" :key="row.id" v-memo="[row]" role="rowgroup" class="desk-rows" :data-test="test + '-' + row.id">
        <div role="row" class="desk-row">
          <div v-if="detail" role="cell" class="desk-narrow">
            <button v-if="row.folds" type="button" class="desk-act" data-test="fold" :aria-expanded="!!row.details"
              :aria-label="row.folds" :title="row.folds" @click="$emit('fold', row.id)">{{ row.details ? '−' : '+' }}</button>
          </div>
          <div v-for="column in columns" :key="column.name" role="cell" :class="[column.classes, row.tones?.[column.name]]"
            :title="row[column.name].length > column.wide ? row[column.name] : undefined" :style="shape(row, column)">
            <button v-if="column.pick && row[column.name]" type="button" class="desk-pick" :data-test="test + '-pick'"
              :aria-label="column.pick + ' ' + row[column.name]" @click="$emit('pick', row[column.name])"
              >{{ row[column.name] }}</button>
            <template v-else>{{ row[column.name] }}</template>
          </div>
          <div v-if="actions.length" role="cell" class="desk-narrow">
            <template v-if="row.open">
              <button v-for="action in actions" :key="action.name" type="button" class="desk-act" :title="action.label"
                :aria-label="action.label + ' ' + row.label" :data-test="action.name"
                @click="$emit('act', action.name, row.id)">{{ action.sign }}</button>
            </template>
          </div>
        </div>
        <div v-if="row.details" role="row" class="desk-details"><div role="cell">
          <div v-for="(line, n) in row.details" :key="n" :data-test="detail">
            <span v-for="(value, m) in line" :key="m">{{ value }}</span>
          </div>
        </div></div>
      </div>
      <button v-if="rows.length > most" type="button" class="desk-act desk-more" @click="more">
        {{ rows.length - most }} more below
      </button>
    </div>
  `,
};
