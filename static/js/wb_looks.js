// How lines that are drawn together are told apart: by colour, and by dashes where a colour is there twice. Pure;
// app/reports/looks.py agrees.

const COLOURS = 10;
const DASHES = 3;

/**
 * Looks of runs. A run keeps its colour; of several with the same one the oldest is a solid line.
 * @param {number[]} ids those that are drawn
 * @param {(id: number) => number} colourOf 0 to 9
 * @returns {Map<number, {colour: number, dash: number}>} dash: 0 solid, 1 and 2 dashed
 */
export function looksOfRuns(ids, colourOf) {
  const counts = new Array(COLOURS).fill(0);
  return new Map([...ids].sort((a, b) => a - b).map((id) => {
    const colour = colourOf(id);
    return [id, { colour, dash: counts[colour]++ % DASHES }];
  }));
}

/**
 * Looks of groups: each in the colour of its oldest run; the next free one, or a dash, where another group has that already.
 * @param {{key: string, runs: number[]}[]} groups
 * @param {(id: number) => number} colourOf
 */
export function looksOfGroups(groups, colourOf) {
  const taken = new Set();
  return new Map(groups.map(({ key, runs }) => {
    const first = colourOf(Math.min(...runs));
    const ways = Array.from({ length: COLOURS * DASHES }, (_, at) => ({ colour: (first + at) % COLOURS, dash: Math.floor(at / COLOURS) }));
    const look = ways.find(({ colour, dash }) => !taken.has(colour + COLOURS * dash)) ?? ways[0];
    taken.add(look.colour + COLOURS * look.dash);
    return [key, look];
  }));
}
